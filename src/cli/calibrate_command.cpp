// octet calibrate: the mean squared input of every weight, for --importance.
#include "base/text.hpp"
#include "cli/command.hpp"
#include "octet/error.hpp"
#include "octet/model.hpp"
#include "octet/octet.hpp"
#include "report/model_report.hpp"

namespace octet::cli {

int run_calibrate(Terminal& terminal, Arguments& arguments) {
    if (!arguments.output.ends_with(".safetensors"))
        throw Error(ErrorCode::kUsage, "-o",
                    in_quotes(arguments.output) +
                        " does not end in .safetensors, which is what calibrate writes");
    arguments.evaluate.read = reading(terminal, arguments, "calibrating");
    const WriteOptions write = writing(terminal, arguments, "calibrating");
    const Calibration calibration =
        calibrate(arguments.input, arguments.evaluate, arguments.output, write);
    if (arguments.json) {
        terminal.out(
            report::calibration_json(calibration, inspect(arguments.input, write.follow_links)));
    } else if (!arguments.quiet) {
        terminal.out(report::calibration_text(calibration));
    }
    return 0;
}

}  // namespace octet::cli
