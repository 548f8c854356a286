// Touches pages that are mapped by small and large leaves, and asks for the walk of each of them.
// Around each walk's own access stands a window for a machine that traces (window.hpp).
#include "guest/kit/kernel.hpp"
#include "guest/kit/options.hpp"
#include "guest/kit/paging.hpp"
#include "guest/walk/window.hpp"

#include <array>
#include <initializer_list>

namespace twofold::guest {

namespace {

constexpr int exit_success = 0;
constexpr int exit_failure = 1;
constexpr std::array sizes{page_4k, page_2m, page_1g};

struct Wanted {
    std::uint64_t pages = 1;
    Access access = Access::read;
    /// By what the pages are mapped; nothing: as the launch has mapped all memory.
    std::array<bool, sizes.size()> by_size{};
    /// One address, whatever it leads to, instead of pages of the guest's choice.
    std::optional<Gva> address;
};

void take_size(Wanted& wanted, std::size_t choice) {
    for (std::size_t at = 0; at < sizes.size(); ++at)
        wanted.by_size[at] = wanted.by_size[at] || choice == at || choice == sizes.size();
}

Wanted wanted_by(Arguments arguments) {
    Wanted wanted;
    for (Options options{arguments}; auto const argument = options.next();) {
        if (*argument == "--pages") {
            wanted.pages = options.number();
        } else if (*argument == "--map") {
            take_size(wanted, options.choice({"4k", "2m", "1g", "all"}));
        } else if (*argument == "--access") {
            wanted.access = static_cast<Access>(options.choice({"read", "write", "execute"}));
        } else if (*argument == "--at") {
            wanted.address = Gva{options.number()};
        } else {
            options.refuse();
        }
    }
    return wanted;
}

bool ask_for_walk(Gva gva, std::string_view how) {
    std::uint64_t const references = walk(gva);
    constexpr auto refused = static_cast<std::uint64_t>(abi::HypercallError::bad_argument);
    bool const answered = references < refused;
    if (answered) {
        print("gva ", abi::hex(gva), how, ": ", references, " references\n");
    } else {
        print("gva ", abi::hex(gva), how, ": the walk was refused\n");
    }
    return answered;
}

bool touch_and_walk(Gva gva, Access access) {
    auto const leaf = walk_live(gva, [](unsigned, Gpa, std::uint64_t) {});
    if (!leaf || leaf->address.value() >= launch().memory_bytes)
        return ask_for_walk(gva, leaf ? ", beyond memory" : ", not mapped");
    access_in_window(gva, access);
    Line how;
    put(how, ", a ");
    put(how, leaf->page_size);
    put(how, " page");
    return ask_for_walk(gva, how.text());
}

/// The first touch of a page brings it in and sets every accessed and dirty bit on the way, so that
/// later walks change nothing that they read.
void first_touch(Gva gva) { *pointer_to<std::uint64_t volatile>(gva) = stop_and_return; }

bool walk_pages(Gva first, Wanted const& wanted) {
    for (std::uint64_t page = 0; page < wanted.pages; ++page) {
        Gva const gva = first + page * page_4k.bytes();
        first_touch(gva);
        if (!touch_and_walk(gva, wanted.access)) return false;
    }
    return true;
}

/// The same memory once more, by leaves of `size`: what surrounds it comes along.
bool walk_pages_mapped_by(PageSize size, Gpa first, Wanted const& wanted) {
    if (size == page_1g && !has_pages_1g()) {
        print("this processor has no pages of 1G: left out\n");
        return true;
    }
    Gpa const begin = first.aligned_down(size.bytes());
    std::uint64_t const offset = first.offset_in(size.bytes());
    std::uint64_t const bytes =
        pages_for(offset + wanted.pages * page_4k.bytes(), size) * size.bytes();
    auto const region = map_region(begin, bytes, size, read_write_execute);
    if (!region) {
        print("no memory is left for page tables\n");
        return false;
    }
    return walk_pages(*region + offset, wanted);
}

bool walk_as_wanted(Gpa first, Wanted const& wanted) {
    bool mapped = false;
    for (std::size_t at = 0; at < sizes.size(); ++at) {
        if (!wanted.by_size[at]) continue;
        mapped = true;
        if (!walk_pages_mapped_by(sizes[at], first, wanted)) return false;
    }
    return mapped || walk_pages(Gva{first.value()}, wanted);
}

} // namespace

int run_kernel(Arguments arguments) {
    Wanted const wanted = wanted_by(arguments);
    if (wanted.address)
        return touch_and_walk(*wanted.address, wanted.access) ? exit_success : exit_failure;
    auto const first = allocate_pages(wanted.pages);
    if (!first) {
        print(arguments[0], ": --pages ", wanted.pages, ", and memory has ", pages_left(),
              " free pages\n");
        return exit_failure;
    }
    return walk_as_wanted(*first, wanted) ? exit_success : exit_failure;
}

} // namespace twofold::guest
