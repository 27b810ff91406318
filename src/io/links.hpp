// Where a link leads, as seen from the folder of a model. Those that stay in the folder are the
// model's own, and so are those of the hub's cache:
//
//   models--ORG--NAME/snapshots/REVISION/config.json      -> ../../blobs/HEX
//   models--ORG--NAME/snapshots/REVISION/1_Pooling/x.json -> ../../../blobs/HEX
//
// to a regular file in `blobs` of the same repository. Any other link out of the folder could be of
// somebody who wants another file read or published in its place; it is followed only where the
// user says so (--follow-links).
#pragma once

#include <cstdint>
#include <filesystem>

namespace octet::io {

/// Which links that a model's folder holds are followed.
enum class Links : std::uint8_t {
    kOwn,  ///< those that stay in the folder, and those of the hub's cache
    kAny,
};

constexpr Links links_of(bool follow_links) noexcept {
    return follow_links ? Links::kAny : Links::kOwn;
}

enum class LinkTarget : std::uint8_t {
    kNone,     ///< it is no link
    kInside,   ///< of the folder
    kHubBlob,  ///< of the hub's cache, in the shape above
    kOutside,
    kNowhere,
};

/// Of the entry at `path`, which lies in `root` or below it without links in between. Not there:
/// kNone. What keeps it from being told: kIo.
LinkTarget link_target(const std::filesystem::path& root, const std::filesystem::path& path);

/// True where a link to that may be followed: what it leads to is then the model's own, or the user
/// said so.
constexpr bool may_follow(LinkTarget target, Links links) noexcept {
    return target != LinkTarget::kNowhere &&
           (target != LinkTarget::kOutside || links == Links::kAny);
}

}  // namespace octet::io
