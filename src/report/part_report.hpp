// What quantize --part and join --discard say: there are no figures before all parts are joined.
#pragma once

#include <string>

#include "octet/parts.hpp"

namespace octet::report {

std::string part_summary(const PartReport& report);
std::string part_json(const PartReport& report);
std::string discard_json(const std::string& output);

}  // namespace octet::report
