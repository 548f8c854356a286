// A dirty log of modelled pages, compared with what was written to them.
#pragma once

#include "guest/kit/hypercall.hpp"

#include <twofold/arch/bits.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold::guest {

/// What a log must say of a page.
enum class Noted : std::uint8_t {
    not_written,
    /// It held zeros, and was looked at or given back: a first touch can be noted.
    touched,
    written,
};

class WriteLog {
  public:
    /// `words`: log_words() of them. `noted`: one for each of the pages from `first` on.
    WriteLog(Gpa first, std::span<std::uint64_t> words, std::span<Noted> noted)
        : first_page_(first.value() / page_4k.bytes()), words_(words), noted_(noted) {}

    [[nodiscard]] bool kept() const { return kept_; }
    /// By `means`, or by write protection where that is not to be had.
    void start(abi::DirtyLogging means) {
        kept_ = log_writes(means) || log_writes(abi::DirtyLogging::write_protection);
        forget();
    }
    void stop() { kept_ = kept_ && !log_writes(abi::DirtyLogging::off); }
    /// A clone is made without a log.
    void begin_clone() { kept_ = false; }
    void note(std::uint64_t page, Noted what) { noted_[page] = std::max(noted_[page], what); }

    /// Collects, and starts anew. The page that the log is wrong about, if there is one: of all,
    /// where the call itself fails.
    std::optional<std::uint64_t> collect() {
        auto const count = collect_writes(words_);
        if (!count) return noted_.size();
        for (std::uint64_t page = 0; page < noted_.size(); ++page) {
            if (noted_[page] == Noted::touched) continue;
            if (logged(page) != (noted_[page] == Noted::written)) return page;
        }
        forget();
        return std::nullopt;
    }

  private:
    [[nodiscard]] bool logged(std::uint64_t page) const {
        std::uint64_t const at = first_page_ + page;
        return (words_[at / 64] & bit(static_cast<unsigned>(at % 64))) != 0;
    }
    void forget() { std::ranges::fill(noted_, Noted::not_written); }

    std::uint64_t first_page_;
    std::span<std::uint64_t> words_;
    std::span<Noted> noted_;
    bool kept_ = false;
};

} // namespace twofold::guest
