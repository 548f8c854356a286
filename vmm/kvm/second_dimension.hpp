// The second dimension of a guest under KVM. KVM's own tables cannot be read from user space, so
// this is what EPT holds once each page of the slot is mapped by leaves of the chosen size: tables
// of the core's, whose output is this process's memory.
#pragma once

#include "kvm/guest_ram.hpp"

#include <twofold/arch/paging_format.hpp>
#include <twofold/paging/memory.hpp>
#include <twofold/paging/nested_walk.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <expected>
#include <optional>

namespace twofold::vmm::kvm {

/// This process's memory by address, as the walker and the editor want it.
struct OwnMemory {
    using Error = NoMemoryError;
    template <class Word>
    [[nodiscard]] std::expected<Word, Error> read(Hpa hpa) const {
        return *reinterpret_cast<Word const volatile*>(hpa.value());
    }
    template <class Word>
    [[nodiscard]] std::expected<void, Error> write(Hpa hpa, Word word) const {
        *reinterpret_cast<Word volatile*>(hpa.value()) = word;
        return {};
    }
};

class SlotTables {
  public:
    /// Maps all of `ram` by leaves of its page size.
    explicit SlotTables(GuestRam const& ram);

    [[nodiscard]] SecondDimension<EptFormat<4>, OwnMemory> dimension() {
        return {format_, root_, memory_};
    }

    // TableAllocator
    std::optional<Hpa> allocate_table();
    void free_table(Hpa) {}

  private:
    struct alignas(4096) Table {
        std::array<std::uint64_t, 512> entries{};
    };

    EptFormat<4> format_;
    OwnMemory memory_;
    std::deque<Table> tables_;
    Hpa root_;
};

} // namespace twofold::vmm::kvm
