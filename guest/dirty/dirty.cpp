// Writes pages that it knows, asks the hypervisor which were written, and compares: by each means
// the sets must be the same.
//
//   --means 1|2|3   write protection, EPT dirty bits, the page-modification log (1)
//   --pages N       pages that may be written (1500)
//   --rounds N      how often pages are written and the log is collected (4)
//   --all           prints what the log says of all memory too: by which of its own pages, tables
//                   among them, were written it depends on who runs the guest
#include "guest/kit/hypercall.hpp"
#include "guest/kit/kernel.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/options.hpp"
#include "guest/kit/processor.hpp"

#include <twofold/arch/bits.hpp>

#include <span>

namespace twofold::guest {

namespace {

struct Wanted {
    std::uint64_t means = 1;
    std::uint64_t pages = 1500;
    std::uint64_t rounds = 4;
    bool all = false;
};

Wanted wanted_by(Arguments arguments) {
    Wanted wanted;
    read_options(arguments, {{"--means", wanted.means},
                             {"--pages", wanted.pages},
                             {"--rounds", wanted.rounds},
                             {"--all", wanted.all}});
    return wanted;
}

class Rounds {
  public:
    Rounds(Wanted const& wanted, Gpa pages, std::span<std::uint64_t> words)
        : wanted_(wanted), pages_(pages), words_(words) {}

    int run() {
        touch_some();
        std::uint64_t const begin = read_ticks();
        if (!log_writes(static_cast<abi::DirtyLogging>(wanted_.means))) {
            print("means ", wanted_.means, " are not to be had\n");
            return 3;
        }
        report_figure("start_log", read_ticks() - begin);
        for (std::uint64_t round = 0; round < wanted_.rounds; ++round)
            if (!run_one(round)) return 1;
        report_figure("write_pages", write_ticks_);
        report_figure("collect_log", collect_ticks_);
        return log_writes(abi::DirtyLogging::off) ? 0 : 1;
    }

  private:
    /// Every third page is written in no round, another third of them in each.
    [[nodiscard]] static bool is_written(std::uint64_t page, std::uint64_t round) {
        return page % 3 != 0 && (page * 7 + round * round) % 5 < 4;
    }
    [[nodiscard]] std::uint64_t volatile& page(std::uint64_t number) const {
        return *pointer_to<std::uint64_t volatile>(pages_ + number * page_4k.bytes());
    }
    /// What is not there when the log begins comes in while it is kept.
    void touch_some() {
        for (std::uint64_t number = 0; number < wanted_.pages; number += 2)
            page(number) = number;
    }
    bool run_one(std::uint64_t round) {
        std::uint64_t const begin = read_ticks();
        for (std::uint64_t number = 0; number < wanted_.pages; ++number) {
            if (is_written(number, round)) {
                page(number) = round;
            } else {
                std::uint64_t const read = page(number);
                (void)read;
            }
        }
        std::uint64_t const written = read_ticks();
        auto const count = collect_writes(words_);
        collect_ticks_ += read_ticks() - written;
        write_ticks_ += written - begin;
        return count && check(round, *count);
    }
    [[nodiscard]] static std::uint64_t digest_with(std::uint64_t digest, std::uint64_t word) {
        return (digest ^ word) * 0x100'0000'01b3;
    }
    /// Of the guest's other pages only the sum is known, by the other means.
    [[nodiscard]] bool check(std::uint64_t round, std::uint64_t count) const {
        std::uint64_t const first = pages_.value() / page_4k.bytes();
        std::uint64_t own = 0;
        std::uint64_t own_digest = digest_begin;
        for (std::uint64_t number = 0; number < wanted_.pages; ++number) {
            std::uint64_t const at = first + number;
            bool const noted = (words_[at / 64] & bit(static_cast<unsigned>(at % 64))) != 0;
            own += noted ? 1 : 0;
            own_digest = digest_with(own_digest, noted ? number : 0);
            if (noted == is_written(number, round)) continue;
            print("round ", round, ": page ", number,
                  noted ? " was not written\n" : " is missing\n");
            return false;
        }
        print("round ", round, ": ", own, " of ", wanted_.pages, " pages, ", abi::hex(own_digest));
        if (wanted_.all) {
            std::uint64_t digest = digest_begin;
            for (std::uint64_t const word : words_)
                digest = digest_with(digest, word);
            print("; ", count, " of all, ", abi::hex(digest));
        }
        print("\n");
        return true;
    }

    static constexpr std::uint64_t digest_begin = 0xcbf2'9ce4'8422'2325;

    Wanted wanted_;
    Gpa pages_;
    std::span<std::uint64_t> words_;
    std::uint64_t write_ticks_ = 0;
    std::uint64_t collect_ticks_ = 0;
};

} // namespace

int run_kernel(Arguments arguments) {
    Wanted const wanted = wanted_by(arguments);
    std::uint64_t const words = log_words(launch().memory_bytes);
    auto const buffer = allocate_pages(pages_for(words * 8, page_4k));
    auto const pages = allocate_pages(wanted.pages);
    if (!buffer || !pages) {
        print("no memory for ", wanted.pages, " pages\n");
        return 1;
    }
    return Rounds{wanted, *pages, {pointer_to<std::uint64_t>(*buffer), words}}.run();
}

} // namespace twofold::guest
