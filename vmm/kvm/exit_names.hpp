// KVM's exit reasons by name.
#pragma once

#include <cstdint>
#include <string_view>

namespace twofold::vmm::kvm {

/// As in the report: "io" for KVM_EXIT_IO.
std::string_view exit_name(std::uint32_t reason);

} // namespace twofold::vmm::kvm
