// A guest's memory as the core's walkers read it.
#pragma once

#include "kvm/guest_ram.hpp"

#include <array>
#include <bit>

namespace twofold::vmm::kvm {

struct RamWords {
    using Error = OutsideRam;
    GuestRam const& ram;
    template <class Word>
    [[nodiscard]] std::expected<Word, Error> read(Gpa gpa) const {
        std::array<std::byte, sizeof(Word)> bytes;
        if (!ram.read(gpa, bytes)) return std::unexpected(OutsideRam{});
        return std::bit_cast<Word>(bytes);
    }
};

} // namespace twofold::vmm::kvm
