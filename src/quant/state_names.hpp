// Names of state tensors in a data file: the tensor's own and a suffix, "NAME.scale". Where the
// source has a tensor of that name already, '_' is added until it has none ("NAME.scale_"), so that
// every checkpoint can be stored in every scheme.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace octet::quant {

class StateNames {
  public:
    /// Of a checkpoint's tensors. `name_of` gives their names; no view of them is kept.
    StateNames(std::size_t tensors, const std::function<const std::string&(std::size_t)>& name_of);

    /// The name of one part of a tensor; the tensor's own where `suffix` is empty.
    std::string name_of(std::string_view tensor, std::string_view suffix) const;

  private:
    std::unordered_set<std::string>
        taken_;  ///< names that a state tensor could have; hardly ever any
};

}  // namespace octet::quant
