// A machine's memory for simulated page tables: as large as wanted, costing what is touched.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/paging/memory.hpp>

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
    /// 1 TiB of address space.
    static constexpr std::uint64_t bytes = std::uint64_t{1} << 40;

    /// Throws SystemFailure when the address space can't be reserved.
    SparseMemory();
    ~SparseMemory();
    SparseMemory(SparseMemory const&) = delete;
    SparseMemory& operator=(SparseMemory const&) = delete;

    template <class Word>
    [[nodiscard]] std::expected<Word, Error> read(Hpa address) const {
        if (address.value() > bytes - sizeof(Word)) return std::unexpected(Error{});
        Word word;
        std::memcpy(&word, base_ + address.value(), sizeof word);
        return word;
    }
    template <class Word>
    [[nodiscard]] std::expected<void, Error> write(Hpa address, Word word) {
        if (address.value() > bytes - sizeof(Word)) return std::unexpected(Error{});
        std::memcpy(base_ + address.value(), &word, sizeof word);
        return {};
    }

  private:
    std::byte* base_;
};

} // namespace twofold::vmm
