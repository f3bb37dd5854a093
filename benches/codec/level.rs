//! Which vector instructions the codec is to use: `DUNLIN_SIMD=scalar|sse2|avx2|avx512|neon`.

use std::env;

use dunlin_codec::internals::Level;

/// The variable. The library itself reads no environment.
const VARIABLE: &str = "DUNLIN_SIMD";

/// Forces the level that the variable names; without it, the best stays in use.
///
/// Returns the levels to measure, the one in use first: that one alone if it was forced, otherwise
/// all that this machine has.
pub(crate) fn force_named() -> Result<Vec<Level>, String> {
    let Some(wanted) = env::var_os(VARIABLE) else {
        let mut levels: Vec<_> = Level::ALL.into_iter().filter(|l| l.is_available()).collect();
        let in_use = Level::in_use();
        levels.sort_by_key(|&level| (level != in_use, std::cmp::Reverse(level as u8)));
        return Ok(levels);
    };
    let Some(level) = Level::ALL.into_iter().find(|&level| wanted == name(level)) else {
        let names = Level::ALL.map(name).join(", ");
        return Err(format!("{VARIABLE}={}: not one of {names}", wanted.display()));
    };
    if !level.force() {
        return Err(format!("{VARIABLE}={}: this machine does not have it", name(level)));
    }
    Ok(vec![level])
}

/// As the variable has it.
pub(crate) fn name(level: Level) -> &'static str {
    match level {
        Level::Scalar => "scalar",
        Level::Sse2 => "sse2",
        Level::Avx2 => "avx2",
        Level::Avx512 => "avx512",
        Level::Neon => "neon",
    }
}
