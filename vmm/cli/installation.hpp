// Where the hypervisor's image and the kernels of the family are.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace twofold::vmm {

/// The hypervisor's bare image: $TWOFOLD_HYPERVISOR, or beside this program as it was built or
/// installed. Throws Failure naming the places where it was looked for.
std::filesystem::path find_hypervisor();

/// A guest's ELF file. Text with a slash is a file. Otherwise it is the name of a kernel of the
/// family, looked for in the directories of guest_directories(), or else a file. Throws Failure
/// naming the kernels that there are.
std::filesystem::path find_guest(std::string const& guest);

/// $TWOFOLD_GUESTS, then beside this program as it was built or installed.
std::vector<std::filesystem::path> guest_directories();

/// The names of the kernels that there are, sorted.
std::vector<std::string> known_guests();

/// This program's own file.
std::filesystem::path own_program();

} // namespace twofold::vmm
