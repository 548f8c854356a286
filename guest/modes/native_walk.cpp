#include "guest/modes/native_walk.hpp"

#include "guest/kit/uart.hpp"

#include <twofold/abi/json_line.hpp>
#include <twofold/abi/report.hpp>
#include <twofold/abi/walk_record.hpp>

namespace twofold::guest {

namespace {

constinit Uart mode_report{abi::report_port};

template <class Format>
std::uint64_t report_walk_of(Format const& format, typename Format::Root const& root, Gva gva) {
    abi::JsonLine line{mode_report};
    line("record", "walk")("guest", std::uint64_t{0})("gva", abi::hex(gva))(
        "mode", paging_mode_name(Format::mode))("native", true);
    std::uint64_t count = 0;
    IdentityMemory memory;
    auto const found = [&] {
        auto references = line.array("references");
        return walk(format, root, gva, memory,
                    [&](unsigned level, Gpa address, std::uint64_t entry) {
                        ++count;
                        references.object()("dimension",
                                            "guest")("level", level)("address", abi::hex(address))(
                            "entry", abi::hex(entry))("gpa", abi::hex(address));
                    });
    }();
    if (found) {
        auto const page = abi::hex(found->page_size.bytes());
        line("gpa", abi::hex(found->address))("hpa", abi::hex(found->address))("page_size", page)(
            "guest_page", page);
    } else {
        line.object("fault")("dimension", "guest")("level", found.error().level)(
            "reason", abi::name_of(found.error().reason));
    }
    return count;
}

} // namespace

std::uint64_t report_native_walk(Paging32 const& format, Gpa root, Gva gva) {
    return report_walk_of(format, root, gva);
}
std::uint64_t report_native_walk(PagingPae const& format, PagingPae::Root const& root, Gva gva) {
    return report_walk_of(format, root, gva);
}
std::uint64_t report_native_walk(PagingOff const& format, Gpa root, Gva gva) {
    return report_walk_of(format, root, gva);
}

} // namespace twofold::guest
