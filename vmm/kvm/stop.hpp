// How a guest's life ended.
#pragma once

#include <cstdint>
#include <string>

namespace twofold::vmm::kvm {

struct Stop {
    /// As abi/report.hpp has it.
    std::string reason;
    std::uint8_t code;
    std::string message;
};

} // namespace twofold::vmm::kvm
