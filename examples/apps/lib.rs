//! Nothing: the programs of this package are its examples, whose pages share `base.css`.
