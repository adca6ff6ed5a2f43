//! The camera as the host sees it over the bus: answers requests, and feeds the stream. Knows
//! nothing of sockets, and reads no clock.

use crate::controls::{Controls, READABLE, Refusal, query};
use crate::descriptor::{self, CONTROL_INTERFACE, STREAM_ENDPOINT, STREAM_INTERFACE, kind};
use crate::fault::{Faults, Kind};
use crate::model::PACKET_BYTES;
use crate::negotiation::Negotiation;
use crate::stream::{Next, Stream};
use crate::usbip::{self, Reader, Request, Transfer};
use pinhole_base::{Error, ErrorKind, Result};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::time::Duration;

/// More transfers than any driver keeps waiting.
const WAITING_MAX: usize = 256;

/// Numbers of the standard requests.
mod standard {
    pub(super) const GET_STATUS: u8 = 0;
    pub(super) const CLEAR_FEATURE: u8 = 1;
    pub(super) const SET_FEATURE: u8 = 3;
    pub(super) const GET_DESCRIPTOR: u8 = 6;
    pub(super) const GET_CONFIGURATION: u8 = 8;
    pub(super) const SET_CONFIGURATION: u8 = 9;
    pub(super) const GET_INTERFACE: u8 = 10;
    pub(super) const SET_INTERFACE: u8 = 11;
}

/// The control, of the interface itself, that tells why the last request was refused.
const ERROR_CODE: u8 = 2;

/// What the camera is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) serial: String,
}

/// The eight bytes that begin a control transfer.
#[derive(Clone, Copy)]
struct Setup {
    is_class: bool,
    request: u8,
    value: u16,
    index: u16,
}

impl Setup {
    fn of(bytes: [u8; 8]) -> Self {
        const TYPE_MASK: u8 = 0x60;
        const CLASS: u8 = 0x20;
        Self {
            is_class: bytes[0] & TYPE_MASK == CLASS,
            request: bytes[1],
            value: u16::from_le_bytes([bytes[2], bytes[3]]),
            index: u16::from_le_bytes([bytes[4], bytes[5]]),
        }
    }
}

/// A camera that is plugged in.
pub(crate) struct Camera {
    identity: Identity,
    reader: Reader,
    controls: Controls,
    negotiation: Negotiation,
    /// Why the last request was refused; 0 if it was not.
    refusal: u8,
    configuration: u8,
    alternate: u8,
    stream: Option<Stream>,
    waiting: VecDeque<Transfer>,
    answers: Vec<u8>,
}

impl Camera {
    /// A camera just plugged in.
    pub(crate) fn new(identity: Identity) -> Self {
        Self {
            identity,
            reader: Reader::default(),
            controls: Controls::default(),
            negotiation: Negotiation::default(),
            refusal: 0,
            configuration: 0,
            alternate: 0,
            stream: None,
            waiting: VecDeque::new(),
            answers: Vec::new(),
        }
    }

    /// Takes bytes from the host, and does what they ask for.
    ///
    /// # Errors
    /// `Malformed` for what is no USB/IP, `LimitReached` for too many transfers at once.
    pub(crate) fn receive(&mut self, bytes: &[u8], now: Duration, faults: &mut Faults) -> Result<()> {
        self.reader.push(bytes);
        while let Some(request) = self.reader.next()? {
            match request {
                Request::Submit(transfer) => self.submit(transfer, now, faults)?,
                Request::Unlink { sequence, transfer } => self.unlink(sequence, transfer),
            }
        }
        Ok(())
    }

    /// Does what time asks for.
    ///
    /// # Errors
    /// What coding a picture fails with.
    pub(crate) fn advance(&mut self, now: Duration, faults: &mut Faults) -> Result<Next> {
        match &mut self.stream {
            None => Ok(Next::Wait(None)),
            Some(stream) => stream.serve(now, &self.controls, faults, &mut self.waiting, &mut self.answers),
        }
    }

    /// What is to be sent to the host.
    pub(crate) fn take_answers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.answers)
    }

    fn submit(&mut self, transfer: Transfer, now: Duration, faults: &mut Faults) -> Result<()> {
        if transfer.endpoint == 0 {
            self.control(&transfer, now, faults);
        } else if transfer.endpoint == STREAM_ENDPOINT.into() && transfer.is_in && self.stream.is_some() {
            if self.waiting.len() == WAITING_MAX {
                return Err(Error::new(ErrorKind::LimitReached, "taking a transfer")
                    .because(format!("{WAITING_MAX} wait already")));
            }
            self.waiting.push_back(transfer);
        } else {
            usbip::answer_failure(&mut self.answers, &transfer, -Errno::PIPE.raw_os_error());
        }
        Ok(())
    }

    fn unlink(&mut self, sequence: u32, transfer: u32) {
        let place = self.waiting.iter().position(|waiting| waiting.sequence == transfer);
        let was_waiting = place.and_then(|place| self.waiting.remove(place)).is_some();
        let status = if was_waiting { -Errno::CONNRESET.raw_os_error() } else { 0 };
        usbip::answer_unlink(&mut self.answers, sequence, status);
    }

    fn control(&mut self, transfer: &Transfer, now: Duration, faults: &mut Faults) {
        let setup = Setup::of(transfer.setup);
        let answer = match setup.is_class {
            true => self.class(setup, &transfer.data, faults),
            false => self.standard(setup, now, faults),
        };
        match answer {
            Some(data) => usbip::answer(&mut self.answers, transfer, &data),
            None => usbip::answer_failure(&mut self.answers, transfer, -Errno::PIPE.raw_os_error()),
        }
    }

    /// Answers a standard request; `None` refuses it.
    fn standard(&mut self, setup: Setup, now: Duration, faults: &mut Faults) -> Option<Vec<u8>> {
        match setup.request {
            standard::GET_STATUS => Some(vec![0, 0]),
            standard::CLEAR_FEATURE | standard::SET_FEATURE => Some(Vec::new()),
            standard::GET_DESCRIPTOR => self.descriptor(setup.value),
            standard::GET_CONFIGURATION => Some(vec![self.configuration]),
            standard::SET_CONFIGURATION => {
                self.configuration = setup.value as u8;
                self.set_alternate(0, now, faults);
                Some(Vec::new())
            }
            standard::GET_INTERFACE => {
                Some(vec![if setup.index == STREAM_INTERFACE.into() { self.alternate } else { 0 }])
            }
            standard::SET_INTERFACE => self.set_interface(setup, now, faults),
            _ => None,
        }
    }

    fn descriptor(&self, kind_and_number: u16) -> Option<Vec<u8>> {
        let [kind, number] = kind_and_number.to_be_bytes();
        match kind {
            kind::DEVICE => Some(descriptor::device()),
            kind::CONFIGURATION if number == 0 => Some(descriptor::configuration()),
            kind::STRING => descriptor::text(number, &self.identity.name, &self.identity.serial),
            _ => None,
        }
    }

    fn set_interface(&mut self, setup: Setup, now: Duration, faults: &mut Faults) -> Option<Vec<u8>> {
        let alternate = u8::try_from(setup.value).ok()?;
        if setup.index == STREAM_INTERFACE.into() && usize::from(alternate) < PACKET_BYTES.len() {
            self.set_alternate(alternate, now, faults);
            return Some(Vec::new());
        }
        (setup.index == CONTROL_INTERFACE.into() && alternate == 0).then(Vec::new)
    }

    /// Begins a stream, or ends it with setting 0.
    fn set_alternate(&mut self, alternate: u8, now: Duration, faults: &mut Faults) {
        self.alternate = alternate;
        self.stream = (alternate != 0).then(|| Stream::new(self.negotiation.agreed, now));
        faults.begin_stream();
    }

    /// Answers a request of the video class; `None` refuses it.
    fn class(&mut self, setup: Setup, data: &[u8], faults: &Faults) -> Option<Vec<u8>> {
        let ([selector, _], [entity, interface]) = (setup.value.to_be_bytes(), setup.index.to_be_bytes());
        let answer = match (interface, entity) {
            (CONTROL_INTERFACE, 0) => return self.error_code(selector, setup.request),
            (CONTROL_INTERFACE, _) if faults.has(Kind::RefuseControls) => Err(Refusal::NotReady),
            (CONTROL_INTERFACE, unit) => self.controls.request(unit, selector, setup.request, data),
            (STREAM_INTERFACE, 0) => {
                self.negotiation.lies = faults.has(Kind::WrongSize);
                self.negotiation.request(selector, setup.request, data)
            }
            _ => Err(Refusal::InvalidUnit),
        };
        self.refusal = answer.as_ref().err().map_or(0, |&refusal| refusal as u8);
        answer.ok()
    }

    fn error_code(&self, selector: u8, request: u8) -> Option<Vec<u8>> {
        match (selector, request) {
            (ERROR_CODE, query::CURRENT) => Some(vec![self.refusal]),
            (ERROR_CODE, query::INFORMATION) => Some(vec![READABLE]),
            (ERROR_CODE, query::LENGTH) => Some(vec![1, 0]),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usbip::tests::{control, isochronous, submitted};
    use proptest::prelude::*;

    const NOW: Duration = Duration::from_secs(1);

    fn camera() -> Camera {
        Camera::new(Identity { name: "Camera".into(), serial: "1".into() })
    }

    /// Makes a control transfer; the data of the answer, or the error that it failed with.
    fn ask(camera: &mut Camera, setup: [u8; 8], data: &[u8], faults: &mut Faults) -> Result<Vec<u8>, i32> {
        camera.receive(&submitted(&control(1, setup, data)), NOW, faults).expect("it is well formed");
        let answer = camera.take_answers();
        let status = i32::from_be_bytes([answer[20], answer[21], answer[22], answer[23]]);
        if status == 0 { Ok(answer[48..].to_vec()) } else { Err(status) }
    }

    fn start(camera: &mut Camera) {
        let set = ask(camera, [1, 11, 3, 0, 1, 0, 0, 0], &[], &mut Faults::default());
        assert_eq!(set, Ok(vec![]));
    }

    #[test]
    fn descriptors_are_given_as_far_as_they_are_asked_for() {
        let (mut camera, mut faults) = (camera(), Faults::default());
        let device = ask(&mut camera, [0x80, 6, 0, 1, 0, 0, 64, 0], &[], &mut faults);
        assert_eq!(device, Ok(descriptor::device()));
        let start = ask(&mut camera, [0x80, 6, 0, 2, 0, 0, 9, 0], &[], &mut faults);
        assert_eq!(start, Ok(descriptor::configuration()[..9].to_vec()));
        let none = ask(&mut camera, [0x80, 6, 0, 6, 0, 0, 10, 0], &[], &mut faults);
        assert_eq!(none, Err(-32));
    }

    #[test]
    fn a_refusal_is_explained() {
        let (mut camera, mut faults) = (camera(), Faults::default());
        let code = [0xa1, query::CURRENT, 0, ERROR_CODE, 0, 0, 1, 0];
        let set_exposure = [0x21, query::SET_CURRENT, 0, 4, 0, 1, 4, 0];
        assert_eq!(ask(&mut camera, set_exposure, &[9, 0, 0, 0], &mut faults), Err(-32));
        assert_eq!(ask(&mut camera, code, &[], &mut faults), Ok(vec![Refusal::WrongState as u8]));
        let get_exposure = [0xa1, query::CURRENT, 0, 4, 0, 1, 4, 0];
        assert_eq!(ask(&mut camera, get_exposure, &[], &mut faults), Ok(vec![156, 0, 0, 0]));
        assert_eq!(ask(&mut camera, code, &[], &mut faults), Ok(vec![0]));
        faults.add("refuse-controls".parse().expect("it is a fault"));
        assert_eq!(ask(&mut camera, get_exposure, &[], &mut faults), Err(-32));
        assert_eq!(ask(&mut camera, code, &[], &mut faults), Ok(vec![Refusal::NotReady as u8]));
    }

    #[test]
    fn a_stream_runs_from_one_alternate_setting_to_the_next() {
        let (mut camera, mut faults) = (camera(), Faults::default());
        assert_eq!(camera.advance(NOW, &mut faults).expect("it waits"), Next::Wait(None));
        start(&mut camera);
        camera.receive(&submitted(&isochronous(5, 32, 3072)), NOW, &mut faults).expect("it is well formed");
        assert!(matches!(camera.advance(NOW, &mut faults), Ok(Next::Wait(Some(_)))));
        assert!(camera.take_answers().is_empty());
        camera.advance(2 * NOW, &mut faults).expect("pictures can be coded");
        assert!(camera.take_answers().len() > 32 * 3000);
        assert_eq!(ask(&mut camera, [1, 11, 0, 0, 1, 0, 0, 0], &[], &mut faults), Ok(vec![]));
        assert_eq!(camera.advance(3 * NOW, &mut faults).expect("it waits"), Next::Wait(None));
    }

    #[test]
    fn transfers_are_given_back_once() {
        let (mut camera, mut faults) = (camera(), Faults::default());
        start(&mut camera);
        camera.receive(&submitted(&isochronous(5, 1, 8)), NOW, &mut faults).expect("it is well formed");
        let mut unlink = |camera: &mut Camera| {
            let words = [2u32, 6, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0];
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            camera.receive(&bytes, NOW, &mut faults).expect("it is well formed");
            let answer = camera.take_answers();
            i32::from_be_bytes([answer[20], answer[21], answer[22], answer[23]])
        };
        assert_eq!((unlink(&mut camera), unlink(&mut camera)), (-104, 0));
    }

    #[test]
    fn transfers_beyond_all_measure_are_an_error() {
        let (mut camera, mut faults) = (camera(), Faults::default());
        start(&mut camera);
        let bytes: Vec<u8> =
            (0..=WAITING_MAX as u32).flat_map(|it| submitted(&isochronous(it, 1, 8))).collect();
        let error = camera.receive(&bytes, NOW, &mut faults).expect_err("too many");
        assert_eq!(error.kind(), ErrorKind::LimitReached);
    }

    proptest! {
        #[test]
        fn any_control_transfer_is_answered_once(setup: [u8; 8], data in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut transfer = control(9, setup, &[]);
            if !transfer.is_in {
                transfer.length = data.len() as u32;
                transfer.data = data;
            }
            let mut camera = camera();
            camera.receive(&submitted(&transfer), NOW, &mut Faults::default()).expect("it is well formed");
            let answer = camera.take_answers();
            prop_assert_eq!(&answer[..8], [0, 0, 0, 3, 0, 0, 0, 9]);
            let sent = if transfer.is_in { u32::from_be_bytes([answer[24], answer[25], answer[26], answer[27]]) } else { 0 };
            prop_assert_eq!(answer.len(), 48 + sent as usize);
        }
    }
}
