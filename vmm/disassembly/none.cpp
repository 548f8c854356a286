// For programs that are linked without shared libraries: Debian has no archive of Zydis.
#include "kvm/disassembly.hpp"

namespace twofold::vmm::kvm {

std::string instruction_text(std::span<std::byte const>, std::uint64_t) { return {}; }

} // namespace twofold::vmm::kvm
