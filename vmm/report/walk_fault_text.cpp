#include "report/walk_fault_text.hpp"

#include "report/walk_shape.hpp"

#include <twofold/arch/bits.hpp>

#include <fmt/format.h>

#include <bit>

namespace twofold::vmm {

namespace {

std::string_view bit_name(Dimension dimension, unsigned number) {
    if (dimension == Dimension::ept) {
        switch (number) {
        case 0: return "R";
        case 1: return "W";
        case 2: return "X";
        case 7: return "large page";
        default: return number >= 3 && number <= 5 ? "memory type" : "";
        }
    }
    switch (number) {
    case 0: return "P";
    case 1: return "R/W";
    case 2: return "U/S";
    case 7: return "PS";
    case 63: return "XD";
    default: return "";
    }
}

/// "bit 7 (PS)", or several.
std::string bits_text(Dimension dimension, std::uint64_t bits) {
    constexpr int most_named = 4;
    if (std::popcount(bits) > most_named) return fmt::format("bits {:#x}", bits);
    std::string text;
    for (; bits != 0; bits &= bits - 1) {
        auto const number = static_cast<unsigned>(std::countr_zero(bits));
        auto const name = bit_name(dimension, number);
        text += fmt::format("{}bit {}", text.empty() ? "" : ", ", number);
        if (!name.empty()) text += fmt::format(" ({})", name);
    }
    return text;
}

std::string reason_text(record::WalkStop const& fault) {
    bool const guest = fault.dimension == Dimension::guest;
    if (fault.reason == "not_present")
        return guest ? "bit 0 (P) is clear" : "bits 2:0 (R, W, X) are clear";
    if (fault.reason == "malformed")
        return fault.bits == 0
                   ? "reserved bits are set"
                   : fmt::format("reserved: {}", bits_text(fault.dimension, fault.bits));
    if (fault.reason == "denied") {
        if (fault.bits == 0) return "it does not let the guest's table be read";
        return fmt::format("{} forbids the access", bits_text(fault.dimension, fault.bits));
    }
    return "its table could not be read";
}

} // namespace

std::string fault_text(record::Walk const& walk) {
    auto const& fault = *walk.fault;
    bool const at_root = fault.dimension == Dimension::guest && walk.references.empty() &&
                         fault.level > levels_of(walk.mode);
    if (at_root && walk.mode == PagingMode::pae)
        return fmt::format("PDPTE register {}: bit 0 (P) is clear", field(walk.gva, 31, 30));
    if (at_root) return "the address is not canonical: no entry is read";
    return fmt::format("{}: {}", level_name(fault.dimension, fault.level), reason_text(fault));
}

} // namespace twofold::vmm
