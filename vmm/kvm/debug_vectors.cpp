#include "kvm/debug_vectors.hpp"

#include "kvm/explain.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>

namespace twofold::vmm::kvm {

namespace {

/// "Layout of the 64-Bit Mode FXSAVE Map (REX.W = 1)".
struct FxsaveArea {
    std::uint16_t control;
    std::uint16_t status;
    std::uint8_t tags;
    std::uint8_t reserved;
    std::uint16_t opcode;
    std::uint64_t instruction;
    std::uint64_t operand;
    std::uint32_t mxcsr;
    std::uint32_t mxcsr_mask;
    std::array<std::array<std::uint8_t, 16>, 8> x87;
    std::array<std::array<std::uint8_t, 16>, 16> xmm;
};
static_assert(offsetof(FxsaveArea, mxcsr) == 24 && offsetof(FxsaveArea, xmm) == 160);

/// "XSAVE Header": which parts of the area are not in their initial state. Bits 0 and 1: x87, SSE.
constexpr std::size_t xstate_bv_offset = 512;
constexpr std::uint8_t x87_and_sse = 3;

kvm_xsave get_area(Processor const& processor) {
    kvm_xsave area{};
    TWOFOLD_KVM_CALL(processor.get(), KVM_GET_XSAVE, &area);
    return area;
}

enum Tag : std::uint16_t { number, zero, special, empty };

Tag tag_of(std::array<std::uint8_t, 10> const& value) {
    auto const exponent = static_cast<unsigned>((value[9] & 0x7f) << 8 | value[8]);
    bool const no_fraction = std::ranges::all_of(value.begin(), value.begin() + 8,
                                                 [](std::uint8_t byte) { return byte == 0; });
    if (exponent == 0) return no_fraction ? zero : special;
    bool const normal = exponent != 0x7fff && (value[7] & 0x80) != 0;
    return normal ? number : special;
}

} // namespace

std::uint16_t whole_tag_word(std::uint8_t in_use, std::uint16_t status,
                             std::array<std::array<std::uint8_t, 10>, 8> const& stack) {
    unsigned const top = status >> 11 & 7;
    unsigned word = 0;
    for (unsigned n = 0; n < 8; ++n) {
        bool const used = (in_use >> n & 1) != 0;
        word |= static_cast<unsigned>(used ? tag_of(stack[(n + 8 - top) % 8]) : empty) << 2 * n;
    }
    return static_cast<std::uint16_t>(word);
}

std::uint8_t abridged_tag_word(std::uint16_t whole) {
    unsigned bits = 0;
    for (unsigned n = 0; n < 8; ++n)
        if ((whole >> 2 * n & 3) != empty) bits |= 1U << n;
    return static_cast<std::uint8_t>(bits);
}

void read_vectors(Processor const& processor, DebugRegisters& registers) {
    auto const area = get_area(processor);
    FxsaveArea legacy;
    std::memcpy(&legacy, area.region, sizeof legacy);
    for (std::size_t n = 0; n < registers.x87.size(); ++n)
        std::copy_n(legacy.x87[n].begin(), 10, registers.x87[n].begin());
    auto const low = [](std::uint64_t pointer) { return static_cast<std::uint32_t>(pointer); };
    auto const selector = [](std::uint64_t pointer) {
        return static_cast<std::uint32_t>(pointer >> 32 & 0xffff);
    };
    registers.x87_state = {legacy.control,
                           legacy.status,
                           whole_tag_word(legacy.tags, legacy.status, registers.x87),
                           selector(legacy.instruction),
                           low(legacy.instruction),
                           selector(legacy.operand),
                           low(legacy.operand),
                           legacy.opcode};
    registers.xmm = legacy.xmm;
    registers.mxcsr = legacy.mxcsr;
}

bool write_vectors(Processor& processor, DebugRegisters const& registers) {
    auto area = get_area(processor);
    FxsaveArea legacy;
    std::memcpy(&legacy, area.region, sizeof legacy);
    for (std::size_t n = 0; n < registers.x87.size(); ++n)
        std::copy_n(registers.x87[n].begin(), 10, legacy.x87[n].begin());
    auto const& [control, status, tags, instruction_selector, instruction, operand_selector,
                 operand, opcode] = registers.x87_state;
    legacy.control = static_cast<std::uint16_t>(control);
    legacy.status = static_cast<std::uint16_t>(status);
    legacy.tags = abridged_tag_word(static_cast<std::uint16_t>(tags));
    legacy.opcode = static_cast<std::uint16_t>(opcode);
    legacy.instruction = std::uint64_t{instruction_selector & 0xffff} << 32 | instruction;
    legacy.operand = std::uint64_t{operand_selector & 0xffff} << 32 | operand;
    legacy.xmm = registers.xmm;
    legacy.mxcsr = registers.mxcsr;
    std::memcpy(area.region, &legacy, sizeof legacy);
    reinterpret_cast<std::uint8_t*>(area.region)[xstate_bv_offset] |= x87_and_sse;
    return ioctl(processor.get(), KVM_SET_XSAVE, &area) == 0;
}

} // namespace twofold::vmm::kvm
