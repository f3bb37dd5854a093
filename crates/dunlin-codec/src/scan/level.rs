//! Which vectors this machine has, found out once.

use core::sync::atomic::{AtomicU8, Ordering};

/// A set of vector instructions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// General registers alone.
    Scalar,
    /// Sixteen bytes at a time: every x86_64 processor.
    Sse2,
    /// Thirty-two bytes, and bit manipulation: x86_64 since 2013.
    Avx2,
    /// Sixty-four bytes with the extensions BW, VBMI and VBMI2: x86_64 since 2019.
    Avx512,
    /// Sixteen bytes: every aarch64 processor.
    Neon,
}

/// The level in use as a number, or one that is no level's as long as nobody has asked.
static IN_USE: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = u8::MAX;

impl Level {
    /// All there are, the better ones of a machine behind the others.
    pub const ALL: [Self; 5] = [Self::Scalar, Self::Sse2, Self::Avx2, Self::Avx512, Self::Neon];

    /// The level in use: the best that is available, unless another was forced.
    #[inline(always)]
    pub fn in_use() -> Self {
        let number = IN_USE.load(Ordering::Relaxed);
        match Self::ALL.get(usize::from(number)) {
            Some(_) if number == Self::Avx512 as u8 => Self::Avx512,
            Some(_) if number == Self::Avx2 as u8 => Self::Avx2,
            Some(level) => *level,
            None => Self::best().put_in_use(),
        }
    }

    /// Makes this level the one in use, in the whole process; `false` where it is not available.
    pub fn force(self) -> bool {
        let available = self.is_available();
        if available {
            self.put_in_use();
        }
        available
    }

    fn put_in_use(self) -> Self {
        IN_USE.store(self as u8, Ordering::Relaxed);
        self
    }

    #[cold]
    fn best() -> Self {
        #[cfg(test)]
        if let Some(level) = Self::named() {
            return level;
        }
        Self::ALL.into_iter().rfind(|level| level.is_available()).unwrap_or(Self::Scalar)
    }

    /// The level that the environment asks for, as `DUNLIN_SIMD=avx2`. Only tests do; the benches have a
    /// way of their own.
    #[cfg(test)]
    fn named() -> Option<Self> {
        let name = std::env::var("DUNLIN_SIMD").ok()?;
        let is_named = |level: &Self| std::format!("{level:?}").eq_ignore_ascii_case(&name);
        let level = Self::ALL.into_iter().find(is_named);
        let level = level.unwrap_or_else(|| panic!("DUNLIN_SIMD={name}: no such level"));
        assert!(level.is_available(), "DUNLIN_SIMD={name}: this machine does not have it");
        Some(level)
    }

    /// Whether this machine has these instructions. Without `std` nobody can ask it, and the level
    /// is what the target guarantees.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            Self::Sse2 => cfg!(all(target_arch = "x86_64", target_feature = "sse2")),
            Self::Avx2 => has_avx2(),
            Self::Avx512 => has_avx2() && has_avx512(),
            Self::Neon => cfg!(all(
                target_arch = "aarch64",
                target_feature = "neon",
                target_endian = "little"
            )),
        }
    }
}

#[cfg(all(feature = "std", target_arch = "x86_64", target_feature = "sse2"))]
macro_rules! has {
    ($($feature:tt),*) => { true $(&& std::arch::is_x86_feature_detected!($feature))* };
}

#[cfg(not(all(feature = "std", target_arch = "x86_64", target_feature = "sse2")))]
macro_rules! has {
    ($($feature:tt),*) => { cfg!(all($(target_feature = $feature),*)) };
}

fn has_avx2() -> bool {
    has!("avx2", "bmi1", "bmi2", "lzcnt", "popcnt")
}

fn has_avx512() -> bool {
    has!("avx512f", "avx512bw", "avx512vbmi", "avx512vbmi2")
}
