// Random instructions, and random page tables. The numbers repeat: the seed is an argument.
#include "guest/hostile/attempt.hpp"
#include "guest/hostile/behaviours.hpp"
#include "guest/kit/console.hpp"
#include "guest/kit/hypercall.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/options.hpp"
#include "guest/kit/paging.hpp"

namespace twofold::guest {

namespace {

/// Marsaglia's xorshift of 64 bits.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed * 0x9e37'79b9'7f4a'7c15 | 1) {}
    std::uint64_t operator()() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }

  private:
    std::uint64_t state_;
};

Random random_by(Arguments arguments) {
    auto const seed = arguments.size() > 1 ? parse_number(arguments[1]) : std::nullopt;
    return Random{seed.value_or(1)};
}

void fill(Random& random, std::uint64_t* words, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i)
        words[i] = random();
}

constexpr std::uint64_t words_in_page = 512;

} // namespace

/// Jumps into random bytes again and again. What ends it is what the bytes happen to do.
int garbage(Arguments arguments) {
    Random random = random_by(arguments);
    auto* const code = pointer_to<std::uint64_t>(*allocate_pages(1));
    for (unsigned round = 0; round < 2000; ++round) {
        fill(random, code, 8);
        auto const entry = reinterpret_cast<std::uint64_t>(code) + random() % 16;
        (void)attempt([&] { reinterpret_cast<void (*)()>(entry)(); });
    }
    print("2000 pieces of garbage were executed\n");
    return 0;
}

/// Walks that meet tables of random entries, some of which lead to tables of random entries.
int garbage_tables(Arguments arguments) {
    Random random = random_by(arguments);
    auto const tables = allocate_pages(4);
    for (unsigned i = 0; i < 4; ++i)
        fill(random, pointer_to<std::uint64_t>(*tables + i * page_4k.bytes()), words_in_page);
    // Present, writable, and most of addresses that there are.
    for (std::uint64_t i = 0; i < 4 * words_in_page; ++i) {
        auto& entry = pointer_to<std::uint64_t>(*tables)[i];
        entry = (entry & 0x0000'00ff'0000'0fff) | (tables->value() + (entry >> 40) % 4 * 4096) | 3;
        if (random() % 256 != 0) entry &= ~mask(39, 32);
    }
    constexpr unsigned slot = 300;
    pointer_to<std::uint64_t>(live_root())[slot] = X86Entry::to_table(tables->value()).word();
    unsigned faults = 0;
    for (unsigned round = 0; round < 2000; ++round) {
        std::uint64_t const gva =
            ~mask(47, 0) | std::uint64_t{slot} << 39 | (random() & mask(38, 0));
        Trap const trap = attempt([&] { (void)*reinterpret_cast<std::uint8_t volatile*>(gva); });
        if (trap.vector == 14) ++faults;
        if (round % 64 == 0) (void)walk(Gva{gva});
    }
    print(faults, " page faults\n");
    return 0;
}

} // namespace twofold::guest
