// The header of NumPy's .npy files, version 1.0: what numpy.load() and numpy.memmap read.
#pragma once

#include <optional>
#include <string>

#include "octet/dtype.hpp"

namespace octet::formats {

/// The dtype in which NumPy holds values of `dtype`: itself, of BF16 F32. Nothing where it has
/// none.
std::optional<Dtype> npy_dtype(Dtype dtype) noexcept;

/// The bytes before the values (little-endian, C order), a multiple of 64; `dtype` is one that
/// npy_dtype() gives. kBadInput where the shape has too many dimensions for them.
std::string npy_header(Dtype dtype, const Shape& shape);

}  // namespace octet::formats
