// Marks on pages of a guest that several threads set while one takes them.
#pragma once

#include <twofold/memory/dirty_log.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace twofold::vmm::kvm {

/// One bit for each 4 KiB page, as twofold::DirtyLog has them.
class PageMarks {
  public:
    explicit PageMarks(std::uint64_t memory_bytes)
        : words_(twofold::DirtyLog::words_for(memory_bytes)) {}

    /// A page beyond the memory is left out.
    void mark(Gpa gpa) {
        std::uint64_t const page = gpa.value() >> page_4k.shift();
        if (page / 64 < words_.size()) words_[page / 64].fetch_or(std::uint64_t{1} << page % 64);
    }
    /// Adds the marks to `words`, as many as the memory has, and takes them away here.
    void take_into(std::span<std::uint64_t> words) {
        for (std::size_t n = 0; n < words_.size(); ++n)
            words[n] |= words_[n].exchange(0);
    }
    [[nodiscard]] std::size_t words() const { return words_.size(); }

  private:
    std::vector<std::atomic<std::uint64_t>> words_;
};

} // namespace twofold::vmm::kvm
