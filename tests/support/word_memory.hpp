// Host memory of single words, cheap to fill and to forget: for tests that build many layouts.
#pragma once

#include <twofold/arch/address.hpp>

#include <cstdint>
#include <expected>
#include <unordered_map>

namespace twofold::test {

struct WordMissing {
    friend bool operator==(WordMissing, WordMissing) = default;
};

/// 64-bit words by address. What was never put reads as 0.
class WordMemory {
  public:
    using Error = WordMissing;

    template <class Word>
    [[nodiscard]] std::expected<Word, Error> read(Hpa address) const {
        std::uint64_t const offset = address.offset_in(8);
        return static_cast<Word>(at(address.value() - offset) >> 8 * offset);
    }
    [[nodiscard]] std::uint64_t at(std::uint64_t address) const {
        auto const found = words_.find(address);
        return found == words_.end() ? 0 : found->second;
    }
    void put(std::uint64_t address, std::uint64_t word) { words_[address] = word; }
    void clear() { words_.clear(); }
    [[nodiscard]] auto const& words() const { return words_; }

  private:
    std::unordered_map<std::uint64_t, std::uint64_t> words_;
};

} // namespace twofold::test
