#include "guest/layouts/layout.hpp"

#include "guest/kit/hypercall.hpp"
#include "guest/kit/launch.hpp"
#include "guest/kit/paging.hpp"

#include <twofold/abi/hypercall.hpp>

#include <algorithm>
#include <span>

namespace twofold::guest {

namespace {

/// Layouts map addresses below the regions of the kit, by slots of the root that it never uses.
constexpr std::uint64_t first_slot = 64;
constexpr std::uint64_t slots = 4;

std::uint64_t* entries_of(Gpa table) { return pointer_to<std::uint64_t>(table); }

void load_root(Gpa root) { asm volatile("movq %0, %%cr3" : : "r"(root.value()) : "memory"); }

/// What cannot be is left as it is: a page that is small already, or a neighbourhood of mixed ones.
void resize_ept_page(Gpa gpa, PageSize size) {
    if (is_native()) return;
    hypercall(static_cast<std::uint64_t>(abi::Hypercall::resize_pages), gpa.value(), size.shift());
}

} // namespace

Layouts::Layouts(Gpa arena, std::uint64_t seed)
    : arena_(arena), random_(seed), first_root_(live_root()) {}

void Layouts::build() {
    load_root(first_root_);
    mix_ept_pages();
    taken_count_ = 0;
    root_ = new_page();
    std::copy_n(entries_of(first_root_), 512, entries_of(root_));
    load_root(root_);
}

/// In each region pages of 2 MiB or of 4 KiB. Where all are large, and memory is, one of 1 GiB.
void Layouts::mix_ept_pages() {
    bool const all_large = random_.below(4) == 0;
    for (std::uint64_t region = 0; region < arena_regions; ++region) {
        bool const small = !all_large && random_.below(2) == 0;
        resize_ept_page(arena_ + region * page_2m.bytes(), small ? page_4k : page_2m);
    }
    if (all_large) resize_ept_page(arena_, page_1g);
}

/// A page of zeros anywhere in the arena, which nothing else of the layout is.
Gpa Layouts::new_page() {
    auto const taken = std::span{taken_}.first(taken_count_);
    std::uint32_t number = 0;
    do {
        number = static_cast<std::uint32_t>(random_.below(arena_regions * page_2m.frames()));
    } while (std::ranges::find(taken, number) != taken.end());
    taken_[taken_count_++] = number;
    Gpa const page = arena_ + number * page_4k.bytes();
    std::fill_n(entries_of(page), 512, 0);
    return page;
}

/// What a leaf at `level` maps: memory of the arena, or all from 0 on by 1 GiB.
Gpa Layouts::leaf_target(unsigned level) {
    switch (level) {
    case 1: return new_page();
    case 2: return arena_ + random_.below(arena_regions) * page_2m.bytes();
    default: return Gpa{};
    }
}

/// Maps `gva` by a leaf at `leaf_level`, unless one maps it already. Returns where that leads.
Gpa Layouts::map(Gva gva, unsigned leaf_level) {
    Gpa table = root_;
    for (unsigned level = 4;; --level) {
        std::uint64_t& word = entries_of(table)[Paging::index(gva, level)];
        PageSize const size = Paging::page_size(level);
        if (word == 0 && level == leaf_level)
            word = X86Entry::to_frame(leaf_target(level).value(), level, read_write_execute).word();
        if (word == 0) word = X86Entry::to_table(new_page().value()).word();
        X86Entry const entry{word};
        if (entry.leaf(level)) return Gpa{entry.frame(size) + gva.offset_in(size.bytes())};
        table = Gpa{entry.table()};
    }
}

Gva Layouts::address() {
    for (;;) {
        Gva const gva{(first_slot + random_.below(slots)) << 39 | random_.below(2) << 30 |
                      random_.below(2) << 21 | random_.below(2) << 12};
        unsigned const highest = has_pages_1g() ? 3 : 2;
        Gpa const gpa = map(gva, 1 + static_cast<unsigned>(random_.below(highest)));
        // What a leaf of 1 GiB maps may be beyond memory.
        if (gpa.value() < launch().memory_bytes) return gva;
    }
}

} // namespace twofold::guest
