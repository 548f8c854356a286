// Has pages that another guest of the same kind has too. They come to share frames, stay what they
// are, and part when they are written.
//
//   --zeros N     pages that were written, and hold zeros (8)
//   --same N      pages that are all alike (8)
//   --own N       pages that nobody else has (8)
//   --common N    pages that are all different, and the other guest has each of them (24)
//   --alone       there is no other guest
//   --background  offers nothing: the hypervisor finds the pages (`--merge all`)
//   --yields N    offers nothing, gives N turns away, and then all pages must share frames: the
//                 hypervisor has found them while no guest had anything to do
//   --rounds N    how often all pages are verified while they share frames (4)
#include "guest/kit/hypercall.hpp"
#include "guest/kit/kernel.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/options.hpp"

namespace twofold::guest {

namespace {

constexpr int exit_success = 0;
constexpr int exit_wrong_contents = 1;
constexpr int exit_usage = 2;
constexpr int exit_refused = 3;
constexpr int exit_not_shared = 4;

struct Wanted {
    std::uint64_t zeros = 8;
    std::uint64_t same = 8;
    std::uint64_t own = 8;
    std::uint64_t common = 24;
    std::uint64_t rounds = 4;
    std::uint64_t yields = 0;
    bool alone = false;
    bool background = false;

    [[nodiscard]] std::uint64_t pages() const { return zeros + same + own + common; }
    /// Those that share a frame once both guests have their pages.
    [[nodiscard]] std::uint64_t shared() const {
        return zeros + (same > 1 || !alone ? same : 0) + (alone ? 0 : common);
    }
};

Wanted wanted_by(Arguments arguments) {
    Wanted wanted;
    read_options(arguments, {{"--zeros", wanted.zeros},
                             {"--same", wanted.same},
                             {"--own", wanted.own},
                             {"--common", wanted.common},
                             {"--rounds", wanted.rounds},
                             {"--yields", wanted.yields},
                             {"--alone", wanted.alone},
                             {"--background", wanted.background}});
    return wanted;
}

class Twin {
  public:
    Twin(Wanted const& wanted, Gpa first) : wanted_(wanted), first_(first) {}

    int run() {
        for (std::uint64_t page = 0; page < wanted_.pages(); ++page)
            for (std::uint64_t word = 0; word < words; ++word)
                at(page)[word] = contents(page, word);
        if (int const failed = wait_until_shared()) return failed;
        print(wanted_.shared(), " of ", wanted_.pages(), " pages share a frame\n");
        for (std::uint64_t round = 0; round < wanted_.rounds; ++round)
            if (!verify(false)) return exit_wrong_contents;
        return part();
    }

  private:
    static constexpr std::uint64_t words = page_4k.bytes() / sizeof(std::uint64_t);
    [[nodiscard]] std::uint64_t volatile* at(std::uint64_t page) const {
        return pointer_to<std::uint64_t volatile>(first_ + page * page_4k.bytes());
    }
    /// Those of `common` are last, so that whoever sees them shared knows that all others are.
    [[nodiscard]] std::uint64_t contents(std::uint64_t page, std::uint64_t word) const {
        if (page < wanted_.zeros) return 0;
        page -= wanted_.zeros;
        if (page < wanted_.same) return word * 0x9e37'79b9'7f4a'7c15 + 1;
        page -= wanted_.same;
        if (page < wanted_.own) return (own_number_ + 1) << 48 | page << 32 | word;
        return (page - wanted_.own + 1) << 32 | word;
    }

    /// What goes to the last word of each page when the guest parts with the other: no page has the
    /// contents of another then.
    [[nodiscard]] std::uint64_t mark(std::uint64_t page) const {
        return ~(own_number_ << 32 | page);
    }

    int wait_until_shared() {
        for (std::uint64_t yield = 0; yield < wanted_.yields; ++yield)
            (void)ask(abi::Hypercall::yield);
        for (;;) {
            auto const shared =
                merge_pages(first_, wanted_.pages(), wanted_.background || wanted_.yields != 0);
            if (!shared) {
                print("pages can't be offered here\n");
                return exit_refused;
            }
            if (*shared == wanted_.shared()) return exit_success;
            if (wanted_.yields == 0) continue;
            print("only ", *shared, " of ", wanted_.shared(), " pages share a frame\n");
            return exit_not_shared;
        }
    }
    [[nodiscard]] bool verify(bool marked) const {
        for (std::uint64_t page = 0; page < wanted_.pages(); ++page) {
            for (std::uint64_t word = 0; word < words; ++word) {
                bool const is_marked = marked && word == words - 1;
                if (at(page)[word] == (is_marked ? mark(page) : contents(page, word))) continue;
                print("page ", page, ", word ", word, " is not what was written\n");
                return false;
            }
        }
        return true;
    }
    int part() {
        for (std::uint64_t page = 0; page < wanted_.pages(); ++page)
            at(page)[words - 1] = mark(page);
        auto const shared = merge_pages(first_, wanted_.pages(), true);
        if (!shared || *shared != 0 || !verify(true)) return exit_wrong_contents;
        print("after a write to each none does, and all hold what was written\n");
        return exit_success;
    }

    Wanted wanted_;
    Gpa first_;
    std::uint64_t own_number_ = own_number();
};

} // namespace

int run_kernel(Arguments arguments) {
    Wanted const wanted = wanted_by(arguments);
    auto const first = allocate_pages(wanted.pages());
    if (!first || wanted.pages() == 0) {
        print("no memory for ", wanted.pages(), " pages\n");
        return exit_usage;
    }
    return Twin{wanted, *first}.run();
}

} // namespace twofold::guest
