// Asking whether a run has been told to stop, outside of the engine.
#pragma once

#include "octet/error.hpp"
#include "octet/options.hpp"

namespace octet::pipeline {

/// Throws kInterrupted if the run has been asked to stop. Called before what cannot be undone.
inline void check_stop(const WriteOptions& options) {
    if (options.stop_requested && options.stop_requested())
        throw Error(ErrorCode::kInterrupted, "interrupted; nothing was changed");
}

}  // namespace octet::pipeline
