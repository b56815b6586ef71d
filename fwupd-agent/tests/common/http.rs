//! A server of HTTP on the loopback interface.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What the server does with a request, by its number: the whole response.
pub(crate) type Answer = Box<dyn Fn(usize) -> Vec<u8> + Send>;

/// Starts a server; returns its URI and how many requests it has had.
pub(crate) fn server(answer: Answer) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/2.0.0.suit", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            // Whoever refuses reads no more of it.
            let _ = stream.write_all(&answer(counter.fetch_add(1, Ordering::SeqCst)));
        }
    });
    (uri, asked)
}

pub(crate) fn response(status: &str, more: &str, body: &[u8], length: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n");
    [head.as_bytes(), body].concat()
}

/// Serves these bytes, however often they are asked for; returns their URI.
pub(crate) fn serves(file: Vec<u8>) -> String {
    server(Box::new(move |_| response("200 OK", "", &file, file.len()))).0
}
