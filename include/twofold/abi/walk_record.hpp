// The record of one walk (abi/report.hpp: walk), as the hypervisor and the command write it.
#pragma once

#include <twofold/abi/json_line.hpp>
#include <twofold/arch/paging_mode.hpp>
#include <twofold/paging/nested_walk.hpp>

#include <cstdint>
#include <expected>
#include <string_view>

namespace twofold::abi {

constexpr std::string_view name_of(Dimension dimension) {
    return dimension == Dimension::guest ? "guest" : "ept";
}

constexpr std::string_view name_of(WalkFaultReason reason) {
    switch (reason) {
    case WalkFaultReason::not_present: return "not_present";
    case WalkFaultReason::malformed: return "malformed";
    case WalkFaultReason::unreadable: return "unreadable";
    case WalkFaultReason::denied: return "denied";
    }
    return "";
}

namespace detail {

template <class Line, class References>
constexpr void put_references(Line& line, References const& references) {
    auto list = line.array("references");
    for (Reference const& reference : references) {
        auto object = list.object();
        object("dimension", name_of(reference.dimension))("level", std::uint32_t{reference.level})(
            "address", hex(reference.address))("entry", hex(reference.entry));
        if (reference.dimension == Dimension::guest) object("gpa", hex(reference.gpa));
    }
}

} // namespace detail

template <class Line, class References>
constexpr void put_walk(Line& line, std::uint64_t guest, Gva gva, PagingMode mode,
                        References const& references,
                        std::expected<NestedTranslation, NestedFault> const& result) {
    line("record", "walk")("guest", guest)("gva", hex(gva))("mode", paging_mode_name(mode));
    if (result) {
        line("gpa", hex(result->gpa))("hpa", hex(result->hpa))("page_size",
                                                               hex(result->page_size().bytes()))(
            "guest_page", hex(result->guest_page.bytes()))("host_page",
                                                           hex(result->host_page.bytes()));
    }
    line("native", false);
    detail::put_references(line, references);
    if (result) return;
    NestedFault const& fault = result.error();
    auto object = line.object("fault");
    object("dimension", name_of(fault.dimension))("level", std::uint32_t{fault.level})(
        "reason", name_of(fault.reason))("bits", hex(fault.bits));
    if (fault.dimension == Dimension::ept) object("gpa", hex(fault.gpa));
}

} // namespace twofold::abi
