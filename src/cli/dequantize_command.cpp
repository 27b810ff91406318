// octet dequantize: a set becomes a checkpoint again.
#include "cli/command.hpp"
#include "octet/octet.hpp"

namespace octet::cli {

int run_dequantize(Terminal& terminal, Arguments& arguments) {
    const DequantizeOptions options = {arguments.dtype, writing(terminal, arguments, "restoring"),
                                       arguments.like};
    return print_report(terminal, arguments, dequantize(arguments.input, arguments.output, options),
                        {});
}

}  // namespace octet::cli
