//! Times as RFC 3339 writes them, both ways, without a division of 64 bits.

use super::Out;

/// An instant: seconds since 1970-01-01T00:00:00Z, and milliseconds behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    seconds: i64,
    millis: u16,
}

/// Days from 0000-03-01 to 1970-01-01 in the calendar of RFC 3339.
const EPOCH: u32 = 719_468;
/// Seconds of a day.
const DAY: u32 = 86_400;
/// Days of 400 years, of 100, of 4 and of one.
const YEARS: [u32; 4] = [146_097, 36_524, 1_461, 365];
/// Year 1 to year 9999, as seconds: what can be written.
const RANGE: core::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

impl Instant {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self { seconds: 0, millis: 0 };
    /// Longest text that [`emit`](Self::emit) writes, bytes.
    pub const TEXT: usize = 24;

    /// An instant of the years 1 to 9999.
    pub fn new(seconds: i64, millis: u16) -> Option<Self> {
        (RANGE.contains(&seconds) && millis < 1000).then_some(Self { seconds, millis })
    }

    /// Wall time; the last instant that can be written for what is later.
    pub fn wall(seconds: u64) -> Self {
        let last = *RANGE.end();
        Self { seconds: i64::try_from(seconds).unwrap_or(last).min(last), millis: 0 }
    }

    /// Seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Milliseconds behind the seconds.
    pub fn millis(self) -> u16 {
        self.millis
    }

    /// Reads a date-time of RFC 3339, section 5.6. Finer fractions than milliseconds are cut off; a leap second
    /// is the one after it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut text = Cursor(text.as_bytes());
        let (year, month) = (text.number(4)?, text.after(b"-")?.number(2)?);
        let day = text.after(b"-")?.number(2)?;
        let hour = text.after(b"Tt ")?.number(2)?;
        let minute = text.after(b":")?.number(2)?;
        let second = text.after(b":")?.number(2)?;
        let millis = text.fraction()?;
        let offset = text.offset()?;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u32::from(leap),
            1..=12 => 31,
            _ => return None,
        };
        let good = year > 0 && (1..=days).contains(&day) && hour < 24 && minute < 60 && second <= 60;
        if !good {
            return None;
        }
        let of_day = hour * 3600 + minute * 60 + second;
        let days = i64::from(days_before(year, month, day)) - i64::from(EPOCH);
        Self::new(days * i64::from(DAY) + i64::from(of_day) - offset, millis)
    }

    /// Writes it in UTC, with milliseconds if there are any.
    pub fn emit(self, out: &mut Out<'_>) {
        // Years count from March, so that the leap day is the last one of its year.
        let since = self.seconds.saturating_add(i64::from(EPOCH) * i64::from(DAY));
        let (mut day, of_day) = days_and_rest(since.unsigned_abs());
        let mut counts = [0; 4];
        for (n, (count, length)) in counts.iter_mut().zip(YEARS).enumerate() {
            *count = day.checked_div(length).unwrap_or(0);
            // The fourth century, and the fourth year of four, are a day longer.
            if n % 2 == 1 {
                *count = (*count).min(3);
            }
            day -= *count * length;
        }
        let [y400, y100, y4, y1] = counts;
        let from_march = (5 * day + 2) / 153;
        let of_month = day - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = y400 * 400 + y100 * 100 + y4 * 4 + y1 + u32::from(month <= 2);
        let fields = [
            (year, 4, b"-"),
            (month, 2, b"-"),
            (of_month, 2, b"T"),
            (of_day / 3600, 2, b":"),
            (of_day / 60 % 60, 2, b":"),
        ];
        for (number, digits, then) in fields {
            decimal(number, digits, out);
            out.put(then);
        }
        decimal(of_day % 60, 2, out);
        if self.millis > 0 {
            out.put(b".");
            decimal(u32::from(self.millis), 3, out);
        }
        out.put(b"Z");
    }
}

/// Days from 0000-03-01 to a date of year 1 or later.
fn days_before(year: u32, month: u32, day: u32) -> u32 {
    let (year, from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * from_march + 2) / 5 + day - 1
}

/// Whole days and the seconds behind them, by long division: 64 bits of it are 864 bytes on a Cortex-M.
fn days_and_rest(seconds: u64) -> (u32, u32) {
    let (mut rest, mut days) = (seconds, 0u32);
    // 2^22 days are 11,000 years.
    for bit in (0..22).rev() {
        let span = u64::from(DAY) << bit;
        if rest >= span {
            rest -= span;
            days |= 1 << bit;
        }
    }
    (days, rest as u32)
}

fn decimal(number: u32, digits: usize, out: &mut Out<'_>) {
    let (mut text, mut rest) = ([b'0'; 4], number);
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.put(text.get(4usize.saturating_sub(digits)..).unwrap_or_default());
}

/// Reads a text from its front.
struct Cursor<'t>(&'t [u8]);

impl Cursor<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Takes one of these bytes.
    fn after(&mut self, one_of: &[u8]) -> Option<&mut Self> {
        self.next().filter(|byte| one_of.contains(byte)).map(|_| self)
    }

    fn digit(&mut self) -> Option<u32> {
        self.next().filter(u8::is_ascii_digit).map(|byte| u32::from(byte - b'0'))
    }

    fn number(&mut self, digits: usize) -> Option<u32> {
        (0..digits).try_fold(0, |number, _| Some(number * 10 + self.digit()?))
    }

    /// Milliseconds of a fraction, if there is one.
    fn fraction(&mut self) -> Option<u16> {
        if self.0.first() != Some(&b'.') {
            return Some(0);
        }
        self.next();
        let (mut millis, mut unit) = (self.digit()? * 100, 10);
        while self.0.first().is_some_and(u8::is_ascii_digit) {
            millis += self.digit()? * unit;
            unit /= 10;
        }
        Some(millis as u16)
    }

    /// Seconds that the local time is ahead of UTC, at the end of the text.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.next()? {
            b'Z' | b'z' => None,
            b'+' => Some(1),
            b'-' => Some(-1),
            _ => return None,
        };
        let seconds = match sign {
            None => 0,
            Some(sign) => {
                let (hours, minutes) = (self.number(2)?, self.after(b":")?.number(2)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                sign * i64::from(hours * 3600 + minutes * 60)
            }
        };
        self.0.is_empty().then_some(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(instant: Instant) -> String {
        let mut room = [0; Instant::TEXT];
        let mut out = Out::new(&mut room);
        instant.emit(&mut out);
        let length = out.finish().unwrap();
        String::from_utf8(room[..length].to_vec()).unwrap()
    }

    /// Seconds by `date -u -d <text> +%s` of GNU coreutils; the first four are examples of RFC 3339, section 5.8.
    #[test]
    fn an_instant_is_that_of_another_implementation_both_ways() {
        for (read, seconds, millis, written) in [
            ("1985-04-12T23:20:50.52Z", 482_196_050, 520, "1985-04-12T23:20:50.520Z"),
            ("1996-12-19T16:39:57-08:00", 851_042_397, 0, "1996-12-20T00:39:57Z"),
            ("1990-12-31T23:59:60Z", 662_688_000, 0, "1991-01-01T00:00:00Z"),
            ("1937-01-01T12:00:27.87+00:20", -1_041_337_173, 870, "1937-01-01T11:40:27.870Z"),
            ("1970-01-01T00:00:00Z", 0, 0, "1970-01-01T00:00:00Z"),
            ("1969-12-31 23:59:59z", -1, 0, "1969-12-31T23:59:59Z"),
            ("2000-02-29t12:00:00Z", 951_825_600, 0, "2000-02-29T12:00:00Z"),
            ("2026-11-20T23:09:19+02:00", 1_795_208_959, 0, "2026-11-20T21:09:19Z"),
            ("2100-03-01T00:00:00Z", 4_107_542_400, 0, "2100-03-01T00:00:00Z"),
            ("2026-11-20T23:09:19.123456789Z", 1_795_216_159, 123, "2026-11-20T23:09:19.123Z"),
            ("9999-12-31T23:59:59Z", 253_402_300_799, 0, "9999-12-31T23:59:59Z"),
            ("0001-01-01T00:00:00Z", -62_135_596_800, 0, "0001-01-01T00:00:00Z"),
        ] {
            let instant = Instant::parse(read).unwrap_or_else(|| panic!("{read}"));
            assert_eq!((instant.seconds(), instant.millis()), (seconds, millis), "{read}");
            assert_eq!(text(instant), written);
            assert_eq!(Instant::parse(written), Some(instant));
        }
    }

    #[test]
    fn every_day_of_four_hundred_years_comes_back() {
        for day in 0..146_097 {
            let instant = Instant::new(day * 86_400 + 3_661, 0).unwrap();
            assert_eq!(Instant::parse(&text(instant)), Some(instant), "day {day}");
        }
    }

    #[test]
    fn what_is_no_date_time_is_none() {
        for bad in [
            "",
            "tomorrow",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00Zx",
            "2026-01-01T00:00:00+0200",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+02:60",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "2026-01-01",
            "+026-01-01T00:00:00Z",
            "2026_01-01T00:00:00Z",
        ] {
            assert_eq!(Instant::parse(bad), None, "{bad}");
        }
    }
}
