//! One agreement a boot: each half that may be missing is refused by name.

#[path = "../requests/world.rs"]
#[allow(dead_code)]
mod world;

use enclave_host::measured::{NotMeasured, Register, RegisterFailed, Registers, bind};
use protocol::Sha384;
use protocol::agreement::{Agreement, Image};
use protocol::attestation::pcr16;
use std::cell::{Cell, RefCell};

/// A module that may be broken in one way.
struct Module {
    register: Cell<Register>,
    broken: &'static str,
    calls: RefCell<Vec<&'static str>>,
}

impl Module {
    fn new(value: Sha384, locked: bool, broken: &'static str) -> Self {
        let register = Cell::new(Register { locked, value });
        Self { register, broken, calls: RefCell::default() }
    }

    fn called(&self, what: &'static str) -> Result<Register, RegisterFailed> {
        self.calls.borrow_mut().push(what);
        if self.broken == what { Err(RegisterFailed) } else { Ok(self.register.get()) }
    }
}

impl Registers for Module {
    fn describe(&self, number: u16) -> Result<Register, RegisterFailed> {
        assert_eq!(number, 16);
        self.called("describe")
    }

    fn extend(&self, number: u16, data: &Sha384) -> Result<(), RegisterFailed> {
        assert_eq!(number, 16);
        let mut register = self.called("extend")?;
        if self.broken != "does not extend" {
            // of zeros alone, which is all that this test extends
            register.value = pcr16(data);
        }
        self.register.set(register);
        Ok(())
    }

    fn lock(&self, number: u16) -> Result<(), RegisterFailed> {
        assert_eq!(number, 16);
        let mut register = self.called("lock")?;
        register.locked = self.broken != "does not lock";
        self.register.set(register);
        Ok(())
    }
}

const ZERO: Sha384 = Sha384([0; 48]);

#[test]
fn a_fresh_register_is_extended_locked_and_read_back() {
    let agreement = Agreement::new(world::terms(false)).unwrap();
    let module = Module::new(ZERO, false, "");
    assert!(bind(&module, &agreement).is_ok());
    assert_eq!(*module.calls.borrow(), ["describe", "extend", "lock", "describe"]);
    let held = Register { locked: true, value: pcr16(&agreement.digest()) };
    assert_eq!(module.register.get(), held);
    // a second agreement in one boot
    assert_eq!(bind(&module, &agreement).err(), Some(NotMeasured::Locked));
}

#[test]
fn each_missing_half_is_refused() {
    let agreement = Agreement::new(world::terms(false)).unwrap();
    for (value, locked, broken, refused) in [
        (ZERO, true, "", NotMeasured::Locked),
        (Sha384([1; 48]), false, "", NotMeasured::NotZero),
        (pcr16(&agreement.digest()), false, "", NotMeasured::NotZero),
        (ZERO, false, "does not extend", NotMeasured::NotHeld),
        (ZERO, false, "does not lock", NotMeasured::NotHeld),
        (ZERO, false, "describe", NotMeasured::Module),
        (ZERO, false, "extend", NotMeasured::Module),
        (ZERO, false, "lock", NotMeasured::Module),
    ] {
        let module = Module::new(value, locked, broken);
        assert_eq!(bind(&module, &agreement).err(), Some(refused), "{locked} {broken}");
    }
}

#[test]
fn a_dedicated_image_has_its_agreement_in_another_register() {
    let mut terms = world::terms(false);
    terms.image = Image::Dedicated { pcr1: Sha384([1; 48]), application: Sha384([2; 48]) };
    let module = Module::new(ZERO, false, "");
    assert!(bind(&module, &Agreement::new(terms).unwrap()).is_ok());
    assert!(module.calls.borrow().is_empty());
}
