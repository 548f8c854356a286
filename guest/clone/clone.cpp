// Clones itself, and shows that parent and clone each keep what they wrote: both fill pages, clone,
// overwrite every second page with words of their own, and verify all of them, while the others
// run.
//
//   --pages N    how many pages are filled (16)
//   --number N   how many clones each generation's guest makes (2)
//   --depth N    how many generations of clones there are (1)
//   --rounds N   how often the pages are overwritten and verified (2)
#include "guest/kit/hypercall.hpp"
#include "guest/kit/kernel.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/options.hpp"
#include "guest/kit/processor.hpp"

namespace twofold::guest {

namespace {

struct Wanted {
    std::uint64_t pages = 16;
    std::uint64_t number = 2;
    std::uint64_t depth = 1;
    std::uint64_t rounds = 2;
};

Wanted wanted_by(Arguments arguments) {
    Wanted wanted;
    read_options(arguments, {{"--pages", wanted.pages},
                             {"--number", wanted.number},
                             {"--depth", wanted.depth},
                             {"--rounds", wanted.rounds}});
    return wanted;
}

/// Pages of which each word says who wrote it last, when, and where it belongs.
class Pages {
  public:
    Pages(std::uint64_t* words, std::uint64_t pages) : words_(words), pages_(pages) {}

    void write(std::uint64_t page, std::uint64_t writer, std::uint64_t round) {
        for (std::uint64_t i = 0; i < words_a_page; ++i)
            at(page, i) = mark(page, i, writer, round);
    }
    [[nodiscard]] bool holds(std::uint64_t page, std::uint64_t writer, std::uint64_t round) const {
        for (std::uint64_t i = 0; i < words_a_page; ++i)
            if (at(page, i) != mark(page, i, writer, round)) return false;
        return true;
    }
    [[nodiscard]] std::uint64_t count() const { return pages_; }

  private:
    static constexpr std::uint64_t words_a_page = 512;

    static constexpr std::uint64_t mark(std::uint64_t page, std::uint64_t word,
                                        std::uint64_t writer, std::uint64_t round) {
        return writer << 48 | round << 32 | page << 9 | word;
    }
    [[nodiscard]] std::uint64_t volatile& at(std::uint64_t page, std::uint64_t word) const {
        return words_[page * words_a_page + word];
    }

    std::uint64_t volatile* words_;
    std::uint64_t pages_;
};

struct Vector {
    std::uint64_t low;
    std::uint64_t high;
    bool operator==(Vector const&) const = default;
};

/// State of the processor outside memory and general registers, marked with whose it is. Vectors
/// come from memory: KVM's emulator, by which some hosts execute ring 0, knows no other way.
void mark_processor(std::uint64_t owner) {
    std::uint64_t const word = 0x1111'0000'0000 + owner;
    Vector const both{word, ~word};
    asm volatile("movdqu %0, %%xmm0; movdqu %0, %%xmm15; movq %1, %%mm3; mov %2, %%dr1"
                 :
                 : "m"(both), "m"(word), "r"(word));
    write_msr(Msr::kernel_gs_base, word);
    write_msr(Msr::lstar, word);
}
bool processor_is_marked(std::uint64_t owner) {
    std::uint64_t const word = 0x1111'0000'0000 + owner;
    Vector const both{word, ~word};
    Vector xmm0, xmm15;
    std::uint64_t mm3, dr1;
    asm volatile("movdqu %%xmm0, %0; movdqu %%xmm15, %1; movq %%mm3, %2; mov %%dr1, %3"
                 : "=m"(xmm0), "=m"(xmm15), "=m"(mm3), "=r"(dr1));
    return xmm0 == both && xmm15 == both && mm3 == word && dr1 == word &&
           read_msr(Msr::kernel_gs_base) == word && read_msr(Msr::lstar) == word;
}

/// A guest and what it must find in its pages: the even ones are its own, the others are as they
/// were before its last clone.
class Life {
  public:
    Life(Wanted const& wanted, Pages pages)
        : wanted_(wanted), pages_(pages), self_(own_number()), own_{self_, 0}, kept_{self_, 0} {
        write_all();
    }

    int live() {
        for (std::uint64_t made = 0; generation_ < wanted_.depth && made < wanted_.number;) {
            auto const clone = clone_self();
            if (!clone) return fail_to_clone(clone.error());
            ++made;
            if (*clone != 0) continue;
            if (!verify()) return 1;
            become_clone();
            made = 0;
        }
        for (std::uint64_t round = 1; round <= wanted_.rounds; ++round) {
            own_.round = later_rounds + round;
            for (std::uint64_t page = 0; page < pages_.count(); page += 2)
                pages_.write(page, own_.writer, own_.round);
            if (!verify()) return 1;
        }
        print("guest ", self_, ", generation ", generation_, ": ", pages_.count(),
              " pages verified\n");
        return 0;
    }

  private:
    static constexpr std::uint64_t later_rounds = 100;
    struct Writing {
        std::uint64_t writer;
        std::uint64_t round;
    };

    void write_all() {
        for (std::uint64_t page = 0; page < pages_.count(); ++page)
            pages_.write(page, own_.writer, own_.round);
        mark_processor(self_);
    }
    void become_clone() {
        self_ = own_number();
        ++generation_;
        own_ = kept_ = {self_, generation_};
        write_all();
    }
    [[nodiscard]] bool verify() const {
        for (std::uint64_t page = 0; page < pages_.count(); ++page) {
            Writing const& expected = page % 2 == 0 ? own_ : kept_;
            if (pages_.holds(page, expected.writer, expected.round)) continue;
            print("page ", page, " does not hold what guest ", expected.writer, " wrote\n");
            return false;
        }
        if (processor_is_marked(self_)) return true;
        print("the processor's registers are not those of guest ", self_, '\n');
        return false;
    }
    static int fail_to_clone(abi::HypercallError error) {
        print("no clone: ", error == abi::HypercallError::out_of_frames    ? "out of frames\n"
                            : error == abi::HypercallError::over_committed ? "over-committed\n"
                                                                           : "refused\n");
        return 3;
    }

    Wanted wanted_;
    Pages pages_;
    std::uint64_t self_;
    std::uint64_t generation_ = 0;
    Writing own_;
    Writing kept_;
};

} // namespace

int run_kernel(Arguments arguments) {
    Wanted const wanted = wanted_by(arguments);
    auto const pages = allocate_pages(wanted.pages);
    if (!pages) {
        print("no memory for ", wanted.pages, " pages\n");
        return 1;
    }
    return Life{wanted, Pages{pointer_to<std::uint64_t>(*pages), wanted.pages}}.live();
}

} // namespace twofold::guest
