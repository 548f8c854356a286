#include "bench/chase_memory.hpp"

#include "kvm/ram_words.hpp"
#include "system/failure.hpp"

#include <twofold/arch/paging_format.hpp>
#include <twofold/model/random_numbers.hpp>
#include <twofold/paging/map_run.hpp>

#include <array>
#include <numeric>
#include <optional>
#include <vector>

namespace twofold::vmm {

namespace {

using ChaseFormat = X86Format<Gva, Gpa, 4>;

/// Below it there is room for the tables of 4K pages of some gigabytes. A multiple of 2M.
constexpr std::uint64_t chain_at = 0x80'0000;

/// Guest memory for the editor of page tables, whose tables lie there one after another.
class ChaseTables {
  public:
    using Error = kvm::OutsideRam;

    ChaseTables(kvm::GuestRam& ram, Gpa& next) : ram_(ram), next_(next) {}

    template <class Word>
    [[nodiscard]] std::expected<Word, Error> read(Gpa gpa) const {
        return kvm::RamWords{ram_}.read<Word>(gpa);
    }
    template <class Word>
    [[nodiscard]] std::expected<void, Error> write(Gpa gpa, Word word) {
        return ram_.write(gpa, std::as_bytes(std::span{&word, 1}));
    }
    std::optional<Gpa> allocate_table() {
        Gpa const table = next_;
        if (table.value() >= chain_at || !ram_.zero(table, page_4k.bytes())) return std::nullopt;
        next_ = next_ + page_4k.bytes();
        return table;
    }
    void free_table(Gpa) {}

  private:
    kvm::GuestRam& ram_;
    Gpa& next_;
};

} // namespace

ChaseMemory::ChaseMemory(std::uint64_t largest, PageSize host_page)
    : largest_(largest),
      // Aligned for guest pages of 2M, whatever the host maps it by.
      ram_(kvm::GuestRam::zeroed(chain_at + largest, page_2m)) {
    if (host_page == page_4k)
        (void)madvise(ram_.bytes().data(), ram_.bytes().size(), MADV_NOHUGEPAGE);
    ram_.populate();
}

std::uint64_t ChaseMemory::link(std::uint64_t bytes) {
    constexpr std::uint64_t line_bytes = 64;
    constexpr std::uint64_t lines = 4096 / line_bytes;
    RandomNumbers random{bytes};
    std::vector<std::uint64_t> nodes(bytes / page_4k.bytes());
    for (std::uint64_t page = 0; page < nodes.size(); ++page)
        nodes[page] =
            begin() + chain_at + page * page_4k.bytes() + random.below(lines) * line_bytes;
    // Sattolo's: an element changes places with one before it only, which leaves one cycle.
    std::vector<std::uint64_t> next = nodes;
    for (std::uint64_t at = nodes.size() - 1; at > 0; --at)
        std::swap(next[at], next[random.below(at)]);
    for (std::uint64_t page = 0; page < nodes.size(); ++page)
        *reinterpret_cast<std::uint64_t*>(nodes[page]) = next[page];
    return nodes.front();
}

Gpa ChaseMemory::make_tables(PageSize guest_page) {
    ChaseTables tables{ram_, next_table_};
    Gpa const root = tables.allocate_table().value();
    auto const map_pages = [&](std::uint64_t from, std::uint64_t bytes, PageSize page,
                               Permissions permissions) {
        auto const mapped = map_run(ChaseFormat{}, root, Gva{begin() + from}, bytes, page,
                                    Gpa{from}, permissions, tables, tables);
        if (!mapped) throw Failure{"the chase's memory has no room for its page tables"};
    };
    constexpr Permissions everything{true, true, true, true};
    map_pages(static_cast<std::uint64_t>(Place::code), 2 * page_4k.bytes(), page_4k, everything);
    map_pages(static_cast<std::uint64_t>(Place::ring_0), ring_0_bytes, page_4k, read_write_execute);
    map_pages(chain_at, largest_, guest_page, everything);
    return root;
}

} // namespace twofold::vmm
