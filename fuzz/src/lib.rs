//! Bodies of the fuzz targets, as plain functions that stable tests replay.
