// The values go out a run at a time through the hidden folder of io/output; F16 values pass through
// float32 and back, which changes nothing.
#include "commands/write_npy.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "base/text.hpp"
#include "commands/output.hpp"
#include "formats/npy.hpp"
#include "io/output.hpp"
#include "octet/error.hpp"
#include "pipeline/stop.hpp"
#include "quant/values.hpp"

namespace octet::commands {
namespace {

constexpr std::uint64_t kRunElements = 256U << 10U;

[[noreturn]] void refuse(const std::filesystem::path& path, std::string_view what) {
    throw Error(ErrorCode::kUsage, printable(path.native()), what);
}

/// Writes elements as they lie in the source, or by way of float32.
class Writer {
  public:
    Writer(const formats::FloatSource& source, std::size_t tensor, Dtype dtype)
        : source_(source),
          tensor_(tensor),
          dtype_(dtype),
          as_it_is_(source.is_plain(tensor) && dtype == own()) {}

    void copy(std::uint64_t first, std::uint64_t count, const io::File& file,
              std::uint64_t offset) {
        const std::uint64_t each = dtype_bits(dtype_) / 8;
        bytes_.resize(count * each);
        if (as_it_is_) {
            source_.read_bytes(tensor_, first * each, bytes_);
        } else {
            values_.resize(count);
            scratch_.resize(count * formats::FloatSource::kScratchBytes + 64);
            source_.read(tensor_, first, values_, scratch_);
            kernels::Narrowing ignored{};
            quant::convert_values(Dtype::kF32, std::as_bytes(std::span(values_)), dtype_, bytes_,
                                  ignored);
        }
        file.write_at(bytes_, offset);
    }

  private:
    Dtype own() const { return source_.tensors()[tensor_].dtype; }

    const formats::FloatSource& source_;
    std::size_t tensor_;
    Dtype dtype_;
    bool as_it_is_;
    std::vector<std::byte> bytes_;
    std::vector<float> values_;
    std::vector<std::byte> scratch_;
};

}  // namespace

void check_npy_place(const std::filesystem::path& path, const std::vector<io::FileIdentity>& inputs,
                     bool force) {
    if (!path.native().ends_with(".npy"))
        refuse(path, "does not end in .npy, as the file of --npy has to");
    const std::filesystem::path target = io::resolved_target(path);
    const io::EntryKind kind = io::kind_at(target);
    if (kind == io::EntryKind::kNothing) return;
    if (kind != io::EntryKind::kFile) refuse(path, "is no file; name a new one");
    if (!force) refuse(path, "exists already; --force replaces it");
    refuse_inputs(target.parent_path(), path, {target.filename().native()}, inputs);
}

FileReport write_npy(const formats::FloatSource& source, std::size_t tensor,
                     const codecs::Selection& selection, const std::filesystem::path& path,
                     const WriteOptions& options) {
    const Dtype own = source.tensors()[tensor].dtype;
    const Dtype dtype =
        source.is_quantized(tensor) ? Dtype::kF32 : formats::npy_dtype(own).value_or(Dtype::kF32);
    const std::string header = formats::npy_header(dtype, selection.shape);
    const std::uint64_t each = dtype_bits(dtype) / 8;
    const std::optional<std::uint64_t> data = checked_multiply(selection.count, each);
    const std::optional<std::uint64_t> total =
        data ? checked_add(*data, header.size()) : std::nullopt;
    if (!total)
        throw Error(ErrorCode::kBadInput, in_quotes(source.tensors()[tensor].name),
                    "is too large for a file");
    const std::filesystem::path target = io::resolved_target(path);
    const std::string name = target.filename().native();
    Notes notes(options);
    io::Output output(target, io::Output::Kind::kFile, name, options.sync, notes.lines);
    output.begin();
    output.build({name});
    const io::File file = output.create(name, *total);
    file.write_at(io::bytes_of(header), 0);
    Writer writer(source, tensor, dtype);
    const std::uint64_t run =
        std::min(std::max(kRunElements, source.good_run(tensor)), 4 * kRunElements);
    for (std::uint64_t done = 0; done < selection.count; done += run) {
        pipeline::check_stop(options);
        const std::uint64_t count = std::min(run, selection.count - done);
        writer.copy(selection.first + done, count, file, header.size() + done * each);
    }
    if (options.sync) file.sync();
    pipeline::check_stop(options);
    output.publish_files({name}, options.force);
    return {path.native(), *total};
}

}  // namespace octet::commands
