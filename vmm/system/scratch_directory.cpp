#include "system/scratch_directory.hpp"

#include "system/failure.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

namespace twofold::vmm {

ScratchDirectory::ScratchDirectory() {
    std::error_code error;
    std::string name = (std::filesystem::temp_directory_path(error) / "twofold.XXXXXX").string();
    if (error || mkdtemp(name.data()) == nullptr) {
        throw SystemFailure{fmt::format("can't make the temporary directory {}; TMPDIR names "
                                        "the one that it lies in",
                                        name),
                            error ? error.value() : errno};
    }
    path_ = name;
}

ScratchDirectory::~ScratchDirectory() {
    std::error_code left; // nobody to tell
    std::filesystem::remove_all(path_, left);
}

} // namespace twofold::vmm
