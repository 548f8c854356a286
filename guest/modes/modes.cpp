// Goes through 32-bit paging, PAE paging and paging off, accesses a page in each and asks for the
// walk, then does the same in the 64-bit mode that it started in.
#include "guest/kit/kernel.hpp"
#include "guest/kit/options.hpp"
#include "guest/kit/paging.hpp"
#include "guest/modes/native_walk.hpp"
#include "guest/modes/other_mode.hpp"
#include "guest/walk/window.hpp"

#include <twofold/arch/control_register.hpp>

#include <algorithm>
#include <array>

namespace twofold::guest {

namespace {

/// Where the page that is accessed is mapped once more: by a small leaf, and by a large one.
constexpr std::uint64_t small_mapping = 0x8000'0000;
constexpr std::uint64_t large_mapping = 0x9000'0000;

/// The kernel and its data are mapped to themselves up to here, if there is so much memory.
constexpr std::uint64_t most_identity = std::uint64_t{1} << 30;

constinit OtherMode other_mode{};

std::uint64_t read_cr4() {
    std::uint64_t value;
    asm volatile("movq %%cr4, %0" : "=r"(value));
    return value;
}

/// The tables of the modes that page, and the page that is accessed.
struct Tables {
    Gpa page;
    Gpa directory_32;
    Gpa pdptes;
};

template <class Word>
Word* words_at(Gpa table) {
    return pointer_to<Word>(table);
}

/// A page of zeros. Nothing if no memory is left.
std::optional<Gpa> new_table() {
    auto const table = allocate_pages(1);
    if (table) std::fill_n(words_at<std::uint64_t>(*table), 512, 0);
    return table;
}

/// The large page that `page` lies in, by a leaf at level 2 of `Format`.
template <class Format>
auto large_leaf(std::uint64_t address) {
    PageSize const size = Format::page_size(2);
    return Format::Entry::to_frame(Gpa{address}.aligned_down(size.bytes()).value(), 2,
                                   read_write_execute)
        .word();
}

/// Level 2 of `Format` at `directory`, for addresses from `first` on: `page` at both mappings, its
/// small leaf in `table`.
template <class Format>
void map_page_twice(Gpa directory, Gpa table, std::uint64_t page) {
    auto* const entries = words_at<typename Format::Word>(directory);
    std::uint64_t const offset = Gpa{page}.offset_in(Format::page_size(2).bytes());
    entries[Format::index(Gva{small_mapping}, 2)] = Format::Entry::to_table(table.value()).word();
    entries[Format::index(Gva{large_mapping + offset}, 2)] = large_leaf<Format>(page);
    words_at<typename Format::Word>(table)[0] = Format::Entry::to_frame(page, 1, read_write).word();
}

template <class Format>
void map_identity(Gpa directory) {
    std::uint64_t const end = std::min(launch().memory_bytes, most_identity);
    PageSize const size = Format::page_size(2);
    for (std::uint64_t at = 0; at < end; at += size.bytes())
        words_at<typename Format::Word>(directory)[at >> size.shift()] = large_leaf<Format>(at);
}

std::optional<Tables> make_tables() {
    std::array<Gpa, 7> pages;
    for (Gpa& page : pages) {
        auto const made = new_table();
        if (!made) return std::nullopt;
        page = *made;
    }
    auto const [page, directory_32, table_32, pdptes, low, high, table_pae] = pages;
    map_identity<Paging32>(directory_32);
    map_page_twice<Paging32>(directory_32, table_32, page.value());

    auto* const registers = words_at<std::uint64_t>(pdptes);
    registers[0] = low.value() | X86Entry::present_bit;
    registers[small_mapping >> 30] = high.value() | X86Entry::present_bit;
    map_identity<PagingPae>(low);
    map_page_twice<PagingPae>(high, table_pae, page.value());
    return Tables{page, directory_32, pdptes};
}

/// Goes to a mode, walks `gva` there, and comes back. Returns the references.
template <class Format>
std::uint64_t walk_there(Format const& format, typename Format::Root const& root, Gpa cr3, Gva gva,
                         bool last) {
    std::uint64_t const cr4 = read_cr4() & ~cr4::physical_address_extension;
    bool const pae = Format::mode == PagingMode::pae;
    using enum OtherMode::Afterwards;
    other_mode = {
        .cr3 = static_cast<std::uint32_t>(cr3.value()),
        .cr4 = static_cast<std::uint32_t>(
            cr4 | (pae ? cr4::physical_address_extension : cr4::page_size_extensions)),
        .paging = Format::mode == PagingMode::off ? 0 : static_cast<std::uint32_t>(cr0::paging),
        .gva = static_cast<std::uint32_t>(gva.value()),
        .afterwards = is_native() ? nothing
                      : last      ? walk_and_exit
                                  : walk,
        .result = 0,
    };
    walk_in_mode(&other_mode);
    return is_native() ? report_native_walk(format, root, gva) : other_mode.result;
}

void tell(std::string_view mode, std::string_view page, Gva gva, std::uint64_t references) {
    print(mode, page, ", gva ", abi::hex(gva), ": ", references, " references\n");
}

enum class End : std::uint8_t { bits_32, pae, off, bits_64 };

class ModeWalks {
  public:
    ModeWalks(Tables const& tables, End end) : tables_(tables), end_(end) {}

    void run() const {
        if (end_ != End::bits_32) in_32_bit_paging(false);
        if (end_ != End::pae) in_pae_paging(false);
        if (end_ != End::off) without_paging(false);
        in_64_bit_mode();
        if (end_ == End::bits_32) in_32_bit_paging(true);
        if (end_ == End::pae) in_pae_paging(true);
        if (end_ == End::off) without_paging(true);
    }

  private:
    [[nodiscard]] Gva large(PageSize size) const {
        return Gva{large_mapping + tables_.page.offset_in(size.bytes())};
    }
    void in_32_bit_paging(bool last) const {
        auto const walk = [&](Gva gva, bool end) {
            return walk_there(Paging32{}, tables_.directory_32, tables_.directory_32, gva, end);
        };
        tell("32-bit paging", ", a 4K page", Gva{small_mapping}, walk(Gva{small_mapping}, false));
        tell("32-bit paging", ", a 4M page", large(page_4m), walk(large(page_4m), last));
    }
    void in_pae_paging(bool last) const {
        PagingPae::Root registers;
        std::copy_n(pointer_to<std::uint64_t>(tables_.pdptes), registers.size(), registers.begin());
        auto const walk = [&](Gva gva, bool end) {
            return walk_there(PagingPae{}, registers, tables_.pdptes, gva, end);
        };
        tell("PAE paging", ", a 4K page", Gva{small_mapping}, walk(Gva{small_mapping}, false));
        tell("PAE paging", ", a 2M page", large(page_2m), walk(large(page_2m), last));
    }
    void without_paging(bool last) const {
        Gva const gva{tables_.page.value()};
        tell("paging off", "", gva, walk_there(PagingOff{}, Gpa{}, Gpa{}, gva, last));
    }
    void in_64_bit_mode() const {
        Gva const gva{tables_.page.value()};
        access_in_window(gva, Access::read);
        tell("64-bit mode", "", gva, walk(gva));
    }

    Tables tables_;
    End end_;
};

End wanted_end(Arguments arguments) {
    End end = End::bits_64;
    for (Options options{arguments}; auto const argument = options.next();) {
        if (*argument != "--end-in") options.refuse();
        end = static_cast<End>(options.choice({"32_bit", "pae", "off", "64_bit"}));
    }
    return end;
}

} // namespace

int run_kernel(Arguments arguments) {
    End const end = wanted_end(arguments);
    auto const tables = make_tables();
    if (!tables) {
        print("no memory is left for page tables\n");
        return 1;
    }
    ModeWalks{*tables, end}.run();
    return 0;
}

} // namespace twofold::guest
