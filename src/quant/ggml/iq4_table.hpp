// The 16 levels of IQ4_NL and IQ4_XS (ggml's kvalues_iq4nl).
#pragma once

namespace octet::ggml {

inline constexpr float kIQ4Table[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                        1,    13,   25,  38,  53,  69,  89,  113};

}  // namespace octet::ggml
