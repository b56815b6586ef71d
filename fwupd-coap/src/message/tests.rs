use super::*;

/// RFC 7252 appendix A, figure 16: a confirmable GET coap://server/temperature and its piggybacked answer.
const FIGURE_16_GET: &[u8] = b"\x40\x01\x7d\x34\xbbtemperature";
const FIGURE_16_ACK: &[u8] = b"\x60\x45\x7d\x34\xff22.3 C";
/// Figure 17: the same with a token of one byte.
const FIGURE_17_GET: &[u8] = b"\x41\x01\x7d\x35\x20\xbbtemperature";
const FIGURE_17_ACK: &[u8] = b"\x61\x45\x7d\x35\x20\xff22.3 C";

#[test]
fn the_figures_of_the_rfc_read_and_write() {
    for (bytes, id, token) in [(FIGURE_16_GET, 0x7d34, &[][..]), (FIGURE_17_GET, 0x7d35, &[0x20][..])] {
        let message = Message::parse(bytes).unwrap();
        assert_eq!((message.kind, message.code, message.id), (Kind::Confirmable, Code::GET, id));
        assert_eq!(message.token.as_slice(), token);
        assert!(message.path().eq(["temperature"]));
        assert_eq!(message.payload, b"");
        let mut out = [0; 64];
        let mut writer = Writer::new(&mut out, Kind::Confirmable, Code::GET, id, Token::new(token).unwrap());
        writer.option(option::URI_PATH, b"temperature");
        let length = writer.finish().unwrap();
        assert_eq!(&out[..length], bytes);
    }
    for (bytes, id, token) in [(FIGURE_16_ACK, 0x7d34, &[][..]), (FIGURE_17_ACK, 0x7d35, &[0x20][..])] {
        let message = Message::parse(bytes).unwrap();
        assert_eq!((message.kind, message.code, message.id), (Kind::Acknowledgement, Code::CONTENT, id));
        assert_eq!((message.token.as_slice(), message.payload), (token, &b"22.3 C"[..]));
        assert_eq!(message.options().count(), 0);
        let mut out = [0; 64];
        let token = Token::new(token).unwrap();
        let mut writer = Writer::new(&mut out, Kind::Acknowledgement, Code::CONTENT, id, token);
        writer.payload(b"22.3").payload(b" C");
        let length = writer.finish().unwrap();
        assert_eq!(&out[..length], bytes);
    }
}

#[test]
fn what_is_malformed_tells_whether_it_is_to_be_reset() {
    let con = |id| Err(BadMessage::Malformed { kind: Kind::Confirmable, id });
    assert_eq!(Message::parse(b""), Err(BadMessage::NotCoap));
    assert_eq!(Message::parse(b"\x40\x01\x00"), Err(BadMessage::NotCoap), "three bytes");
    assert_eq!(Message::parse(b"\x80\x01\x00\x01"), Err(BadMessage::NotCoap), "version 2");
    assert_eq!(Message::parse(b"\x41\x01\x00\x07"), con(7), "the token is missing");
    assert_eq!(Message::parse(b"\x49\x01\x00\x07123456789"), con(7), "a token of nine bytes");
    assert_eq!(Message::parse(b"\x40\x01\x00\x07\xff"), con(7), "a marker without a payload");
    assert_eq!(Message::parse(b"\x40\x01\x00\x07\xf0"), con(7), "a delta of 15");
    assert_eq!(Message::parse(b"\x40\x01\x00\x07\x0f"), con(7), "a length of 15");
    assert_eq!(Message::parse(b"\x40\x01\x00\x07\xb2a"), con(7), "a value cut short");
    assert_eq!(Message::parse(b"\x40\x01\x00\x07\xd0"), con(7), "an extended delta cut short");
    assert_eq!(Message::parse(b"\x40\x01\x00\x07\xe0\xff\xff"), con(7), "an option number of 17 bits");
    assert_eq!(Message::parse(b"\x40\x01\x00\x07\xe0\xfe\xf2\x10"), con(7), "the same by two deltas");
    assert_eq!(Message::parse(b"\x40\x00\x00\x07\xff\x01"), con(7), "an empty message with a payload");
    assert_eq!(Message::parse(b"\x41\x00\x00\x07\x01"), con(7), "an empty message with a token");
    assert_eq!(Message::parse(b"\x71\x45\x00\x07"), Err(BadMessage::Malformed { kind: Kind::Reset, id: 7 }));
}

#[test]
fn options_with_extended_deltas_and_lengths_come_back() {
    let long = [7; 300];
    let mut out = [0; 700];
    let mut writer = Writer::new(&mut out, Kind::NonConfirmable, Code::PUT, 1, Token::EMPTY);
    writer.option(1, b"").option(1, b"x").option(270, &long[..13]).option(65_535, &long).payload(b"p");
    let length = writer.finish().unwrap();
    // Deltas 1, 0, 269 and 65265; lengths 0, 1, 13 and 300.
    assert_eq!(&out[..12], b"\x50\x03\x00\x01\x10\x01x\xed\x00\x00\x00\x07");
    assert_eq!(&out[24..30], b"\xee\xfd\xe4\x00\x1f\x07");
    let message = Message::parse(&out[..length]).unwrap();
    let want: [(u16, &[u8]); 4] = [(1, b""), (1, b"x"), (270, &long[..13]), (65_535, &long)];
    assert!(message.options().eq(want));
    assert_eq!(message.payload, b"p");
}

#[test]
fn numbers_take_as_few_bytes_as_they_need_and_may_have_leading_zeros() {
    let mut out = [0; 64];
    let mut writer = Writer::new(&mut out, Kind::NonConfirmable, Code::CONTENT, 1, Token::EMPTY);
    writer.uint(option::OBSERVE, 0).uint(option::CONTENT_FORMAT, 11_542).uint(option::SIZE2, 0x0100_0000);
    let length = writer.finish().unwrap();
    assert_eq!(&out[4..length], b"\x60\x62\x2d\x16\xd4\x03\x01\x00\x00\x00");
    let message = Message::parse(&out[..length]).unwrap();
    assert_eq!(message.observe(), Some(0));
    assert_eq!(message.content_format(), Some(11_542));
    assert_eq!(message.size2(), Some(1 << 24));
    let zeros = Message::parse(b"\x50\x01\x00\x01\x63\x00\x00\x01").unwrap();
    assert_eq!(zeros.observe(), Some(1));
    let long = Message::parse(b"\x50\x01\x00\x01\x64\x01\x00\x00\x00").unwrap();
    assert_eq!(long.observe(), None, "an elective option that is too long is as good as absent");
}

#[test]
fn what_does_not_fit_or_is_out_of_order_comes_out_at_the_end() {
    for room in 0..30 {
        let mut out = vec![0; room];
        let token = Token::new(b"tok").unwrap();
        let mut writer = Writer::new(&mut out, Kind::Confirmable, Code::PUT, 1, token);
        writer.option(option::URI_PATH, b"path").uint(option::ACCEPT, 500).payload(b"0123456789");
        // 4 of header, 3 of token, 5 and 3 of options, marker, 10 of payload.
        assert_eq!(writer.finish(), if room >= 26 { Ok(26) } else { Err(Full) }, "{room}");
    }
    let mut out = [0; 64];
    let mut writer = Writer::new(&mut out, Kind::Confirmable, Code::PUT, 1, Token::EMPTY);
    writer.option(11, b"a").option(6, b"");
    assert_eq!(writer.finish(), Err(Full), "descending");
    let mut writer = Writer::new(&mut out, Kind::Confirmable, Code::PUT, 1, Token::EMPTY);
    writer.payload(b"a").option(6, b"");
    assert_eq!(writer.finish(), Err(Full), "after the payload");
}

#[test]
fn a_payload_made_in_place_has_a_marker_only_if_it_has_bytes() {
    let written = |out: &mut [u8], n: usize| {
        let mut writer = Writer::new(out, Kind::Confirmable, Code::PUT, 1, Token::EMPTY);
        writer.payload_with(|room| {
            room.iter_mut().take(n).for_each(|byte| *byte = 9);
            n
        });
        writer.finish()
    };
    let mut out = [0; 8];
    assert_eq!(written(&mut out, 0), Ok(4));
    assert_eq!(written(&mut out, 3), Ok(8));
    assert_eq!(out, [0x40, 3, 0, 1, 0xFF, 9, 9, 9]);
    assert_eq!(written(&mut out, 4), Err(Full), "more than there is room for");
    assert_eq!(written(&mut out[..4], 0), Ok(4), "no room, and nothing to write");
    assert_eq!(written(&mut out[..4], 1), Err(Full));
}
