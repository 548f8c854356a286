#include "kvm/disassembly.hpp"

#include <Zydis/Zydis.h>

namespace twofold::vmm::kvm {

std::string instruction_text(std::span<std::byte const> bytes, std::uint64_t rip) {
    ZydisDisassembledInstruction instruction;
    if (!ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, rip, bytes.data(),
                                            bytes.size(), &instruction)))
        return {};
    return instruction.text;
}

} // namespace twofold::vmm::kvm
