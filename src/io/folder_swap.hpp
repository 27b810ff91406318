// The fallback road inside a target folder, for where one folder cannot be exchanged with another. Its state is told by which hidden
// folders exist, so that a killed run can be mended by the next:
//
//   .octet-building   files are being written             -> removed; the target is as it was
//   .octet-saving     old files are being moved into it   -> moved back, the last file last; the old set stands again
//   .octet-new        complete; being moved out           -> the rest is moved out, the last file last; the new set stands
//   .octet-old        complete old files                  -> removed once the new set stands; put back where none is to come
//
// The "last file" (the sidecar) leaves first and arrives last: it never stands beside codes that are not its own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace octet::io {

inline constexpr std::string_view kBuildingName = ".octet-building";
inline constexpr std::string_view kSavingName = ".octet-saving";
inline constexpr std::string_view kNewName = ".octet-new";
inline constexpr std::string_view kOldName = ".octet-old";

/// Throws kIo saying that what was to be written stands in `target` all the same. `what`: the message of the error.
[[noreturn]] void throw_whole_but(const std::filesystem::path& target, std::string_view what);

/// True for the four names above.
bool is_swap_name(std::string_view name) noexcept;

/// True if a killed run left the target in the middle of the fallback road.
bool is_swap_unfinished(const std::filesystem::path& target);

/// Brings a target that a killed run left unfinished back to its old set or on to its new one, and says which in `notes`. Does nothing
/// where nothing is unfinished. The caller holds the target's lock. kIo.
void mend_swap(const std::filesystem::path& target, std::string_view last_file, bool sync,
               std::vector<std::string>& notes);

/// Moves the files of `target`/.octet-new out, after saving what stands in the target. A failure before the new last file stands undoes
/// everything, .octet-new included; where undoing fails too, mend_swap() does the rest. A failure after it says that the new
/// files are whole. kIo.
void swap_in(const std::filesystem::path& target, std::string_view last_file, bool sync);

}  // namespace octet::io
