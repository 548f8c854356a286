// A machine's memory for simulated page tables: as large as wanted, costing what is touched.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/paging/memory.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>

namespace twofold::vmm {

/// An address that lies above the memory's end.
struct BeyondMemory {
    friend constexpr bool operator==(BeyondMemory, BeyondMemory) = default;
};

/// Zeroed memory, reserved and not allocated until it is written.
class SparseMemory {
  public:
    using Error = BeyondMemory;

    /// Reserves `bytes` of address space. Throws SystemFailure when there is not that much.
    explicit SparseMemory(std::uint64_t bytes);
    ~SparseMemory();
    SparseMemory(SparseMemory const&) = delete;
    SparseMemory& operator=(SparseMemory const&) = delete;

    template <class Word>
    [[nodiscard]] std::expected<Word, Error> read(Hpa address) const {
        if (address.value() > bytes_ - sizeof(Word)) return std::unexpected(Error{});
        Word word;
        std::memcpy(&word, base_ + address.value(), sizeof word);
        return word;
    }
    template <class Word>
    [[nodiscard]] std::expected<void, Error> write(Hpa address, Word word) {
        if (address.value() > bytes_ - sizeof(Word)) return std::unexpected(Error{});
        std::memcpy(base_ + address.value(), &word, sizeof word);
        return {};
    }

  private:
    std::uint64_t bytes_;
    std::byte* base_;
};

} // namespace twofold::vmm
