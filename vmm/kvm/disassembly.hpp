// Instructions in words, where Zydis is linked in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace twofold::vmm::kvm {

/// The first instruction of `bytes`, of 64-bit code at `rip`, in Intel's syntax; empty when it is
/// none, or when this program was built without a disassembler.
std::string instruction_text(std::span<std::byte const> bytes, std::uint64_t rip);

} // namespace twofold::vmm::kvm
