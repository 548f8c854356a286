// Fills blocks of 2 MiB page by page, in an order without pattern, and waits until the hypervisor
// maps them by large pages; they hold what they held, at each moment.
//
//   --blocks N   how many (2)
//   --large N    so many of them are waited for (all)
//   --words N    how many words of each page it fills, a power of two (512, which is all)
//   --split      all memory is mapped by large pages to begin with, and a dirty log splits them
//   --execute    executes from a page of the first one
#include "guest/kit/hypercall.hpp"
#include "guest/kit/kernel.hpp"
#include "guest/kit/options.hpp"
#include "guest/pressure/filled_pages.hpp"
#include "guest/touch/page_order.hpp"

#include <algorithm>

namespace twofold::guest {

namespace {

constexpr int exit_success = 0;
constexpr int exit_wrong_contents = 1;
constexpr int exit_usage = 2;
constexpr int exit_refused = 3;
constexpr int exit_wrong_leaves = 4;

constexpr std::uint64_t all_blocks = ~std::uint64_t{0};

struct Wanted {
    std::uint64_t blocks = 2;
    std::uint64_t large = all_blocks;
    std::uint64_t words = FilledPages::words_of_page;
    bool split = false;
    bool execute = false;
};

Wanted wanted_by(Arguments arguments) {
    Wanted wanted;
    read_options(arguments, {{"--blocks", wanted.blocks},
                             {"--large", wanted.large},
                             {"--words", wanted.words},
                             {"--split", wanted.split},
                             {"--execute", wanted.execute}});
    return wanted;
}

/// Leaves of EPT that map the guest's first GiB.
struct Leaves {
    std::uint64_t small;
    std::uint64_t large;
};
Leaves leaves() { return {count_leaves(Gpa{}, 1).value_or(0), count_leaves(Gpa{}, 2).value_or(0)}; }
void print_leaves(std::string_view when) {
    auto const [small, large] = leaves();
    print(when, ": ", small, " small leaves, ", large, " large ones\n");
}

class Growth {
  public:
    Growth(Wanted const& wanted, Gpa first)
        : wanted_(wanted),
          pages_(first, wanted.blocks * page_2m.frames(), own_number(), wanted.words) {}

    int run() {
        // What printing touches is there by then.
        print_leaves("at the start");
        std::uint64_t large = leaves().large + std::min(wanted_.large, wanted_.blocks);
        visit_pages({.pattern = Pattern::random, .stride = 1, .seed = 7}, pages_.count(),
                    [&](std::uint64_t page) { pages_.fill(page, 0); });
        if (wanted_.split) {
            print_leaves("filled");
            large = leaves().large;
            if (!split()) return exit_refused;
            print_leaves("split");
            if (!log_writes(abi::DirtyLogging::off)) return exit_refused;
        }
        if (wanted_.execute) execute_once();
        if (int const failed = wait_for(large)) return failed;
        print_leaves("at the end");
        if (!verify(0)) return exit_wrong_contents;
        for (std::uint64_t page = 0; page < pages_.count(); ++page)
            pages_.fill(page, 1);
        return verify(1) ? exit_success : exit_wrong_contents;
    }

  private:
    static bool split() { return log_writes(abi::DirtyLogging::dirty_bits).has_value(); }

    /// A page that holds a RET, and what it held again.
    void execute_once() const {
        auto* const byte = pointer_to<std::uint8_t volatile>(pages_.at(5));
        std::uint8_t const held = *byte;
        constexpr std::uint8_t ret = 0xc3;
        *byte = ret;
        asm volatile("call *%0" : : "r"(pages_.at(5).value()) : "memory");
        *byte = held;
    }
    [[nodiscard]] bool verify(std::uint64_t pass) const {
        for (std::uint64_t page = 0; page < pages_.count(); ++page) {
            auto const wrong = pages_.wrong(page, pass);
            if (!wrong) continue;
            print("gpa ", abi::hex(*wrong), " does not hold what was written\n");
            return false;
        }
        return true;
    }
    /// Then the background has time for more, which must not come.
    [[nodiscard]] int wait_for(std::uint64_t large) const {
        while (leaves().large < large)
            if (!verify(0)) return exit_wrong_contents;
        for (int round = 0; round < 4; ++round)
            if (!verify(0)) return exit_wrong_contents;
        return leaves().large == large ? exit_success : exit_wrong_leaves;
    }

    Wanted wanted_;
    FilledPages pages_;
};

} // namespace

int run_kernel(Arguments arguments) {
    Wanted const wanted = wanted_by(arguments);
    if (!FilledPages::can_fill(wanted.words)) {
        print(arguments[0], ": --words ", wanted.words, " is no power of two up to ",
              FilledPages::words_of_page, '\n');
        return exit_usage;
    }
    auto const first = allocate_pages(wanted.blocks * page_2m.frames(), page_2m.bytes());
    if (!first || wanted.blocks == 0) {
        print("no memory for ", wanted.blocks, " blocks of 2 MiB\n");
        return exit_usage;
    }
    return Growth{wanted, *first}.run();
}

} // namespace twofold::guest
