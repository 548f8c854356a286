// A machine's memory for simulated page tables: as large as wanted, costing what is touched.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/paging/memory.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>

namespace twofold::vmm {

/// Zeroed memory, reserved and not allocated until it is written.
class SparseMemory {
  public:
    using Error = NoMemoryError;

    /// Reserves `bytes` of address space. Throws SystemFailure when there is not that much.
    explicit SparseMemory(std::uint64_t bytes);
    ~SparseMemory();
    SparseMemory(SparseMemory const&) = delete;
    SparseMemory& operator=(SparseMemory const&) = delete;

    /// Both throw Failure for an address beyond the end: tables that lead there are not sound.
    template <class Word>
    [[nodiscard]] Reading<Word, Error> read(Hpa address) const {
        Word word;
        static_assert(sizeof word <= word_bytes);
        std::memcpy(&word, at(address), sizeof word);
        return {word};
    }
    template <class Word>
    [[nodiscard]] std::expected<void, Error> write(Hpa address, Word word) {
        static_assert(sizeof word <= word_bytes);
        std::memcpy(at(address), &word, sizeof word);
        return {};
    }

    /// Has the processor fetch what will be read soon.
    void prefetch(Hpa address) const { __builtin_prefetch(base_ + address.value()); }

  private:
    static constexpr std::size_t word_bytes = 8;

    [[nodiscard]] std::byte* at(Hpa address) const {
        if (address.value() > last_word_) [[unlikely]]
            fail(address);
        return base_ + address.value();
    }
    [[noreturn]] static void fail(Hpa address);

    std::uint64_t bytes_;
    /// The last address of a word of `word_bytes`.
    std::uint64_t last_word_;
    std::byte* base_;
};

} // namespace twofold::vmm
