// A directory of our own that never outlives us.
#pragma once

#include <filesystem>

namespace twofold::vmm {

/// Made in $TMPDIR, or /tmp; removed with all that is in it when this object ends.
class ScratchDirectory {
  public:
    /// Throws Failure that names the place where it can't be made.
    ScratchDirectory();
    ~ScratchDirectory();
    ScratchDirectory(ScratchDirectory const&) = delete;
    ScratchDirectory& operator=(ScratchDirectory const&) = delete;

    [[nodiscard]] std::filesystem::path const& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

} // namespace twofold::vmm
