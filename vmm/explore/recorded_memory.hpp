// The tables of a recorded walk: host memory that holds the entries that it read, and nothing else.
#pragma once

#include "report/record.hpp"

#include <twofold/arch/address.hpp>
#include <twofold/paging/memory.hpp>

#include <cstdint>
#include <expected>
#include <map>

namespace twofold::vmm {

/// Can be walked again, for the same address.
class RecordedMemory {
  public:
    using Error = NoMemoryError;

    explicit RecordedMemory(record::Walk const& walk) {
        for (auto const& reference : walk.references)
            entries_[reference.address] = reference.entry;
    }

    template <class Word>
    [[nodiscard]] std::expected<Word, Error> read(Hpa address) {
        auto const found = entries_.find(address.value());
        if (found == entries_.end()) return std::unexpected(Error{});
        return static_cast<Word>(found->second);
    }

  private:
    std::map<std::uint64_t, std::uint64_t> entries_;
};

} // namespace twofold::vmm
