// The specification: every loop, one block at a time.
#include "kernels/ggml/loops_named.hpp"
#include "kernels/ggml/scalar_lanes.hpp"
#include "kernels/ggml/tables.hpp"

namespace octet::kernels::ggml {
const Loops kScalarLoops = loops_named<ScalarLanes>("scalar");
}
