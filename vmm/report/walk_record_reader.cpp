#include "report/walk_record_reader.hpp"

#include <algorithm>

namespace twofold::vmm {

namespace {

constexpr std::uint64_t highest_level = 5;

Dimension read_dimension(Fields const& fields) {
    std::string const name = fields.text("dimension");
    if (name == "guest") return Dimension::guest;
    if (name == "ept") return Dimension::ept;
    fields.fail("dimension", "must be \"guest\" or \"ept\"");
}

/// A walk can also end at a root that leads nowhere, or at memory that can't be read.
record::WalkStop read_fault(Fields const& fields) {
    std::uint64_t const level = fields.number("level");
    if (level > highest_level + 1) fields.fail("level", "must be 0 to 6");
    return {read_dimension(fields), static_cast<unsigned>(level), fields.text("reason"),
            fields.optional_hex("bits").value_or(0), fields.optional_hex("gpa")};
}

record::WalkReference read_reference(Fields const& fields) {
    return {
        .dimension = read_dimension(fields),
        .level = read_level(fields),
        .address = fields.hex("address"),
        .entry = fields.hex("entry"),
        .gpa = fields.optional_hex("gpa"),
    };
}

PagingMode read_mode(Fields const& fields) {
    auto const mode = paging_mode_named(fields.text("mode"));
    if (!mode) fields.fail("mode", "must be off, 32_bit, pae, 4_level or 5_level");
    return *mode;
}

/// [index, count, first, step]
void read_run(Fields::Run const& run, Fields const& fields, record::TablePage& page) {
    if (run.count > page.words.size() || run.index > page.words.size() - run.count)
        fields.fail("words", "must be runs within 512 words");
    for (std::uint64_t i = 0; i < run.count; ++i)
        page.words[run.index + i] = run.first + i * run.step;
}

} // namespace

unsigned read_level(Fields const& fields) {
    std::uint64_t const level = fields.number("level");
    if (level == 0 || level > highest_level) fields.fail("level", "must be 1 to 5");
    return static_cast<unsigned>(level);
}

record::Walk read_walk(Fields const& fields) {
    record::Walk walk{
        .guest = fields.number("guest"),
        .gva = fields.hex("gva"),
        .gpa = fields.optional_hex("gpa"),
        .hpa = fields.optional_hex("hpa"),
        .page_size = fields.optional_page_size("page_size"),
        .guest_page = fields.optional_page_size("guest_page"),
        .host_page = fields.optional_page_size("host_page"),
        .native = fields.boolean("native"),
        .references = {},
        .fault = std::nullopt,
        .mode = fields.has("mode") ? read_mode(fields) : PagingMode::four_level,
    };
    for (Fields const& reference : fields.objects("references"))
        walk.references.push_back(read_reference(reference));
    if (fields.has("fault")) {
        walk.fault = read_fault(fields.object("fault"));
    } else if (!walk.gpa || !walk.hpa || !walk.page_size || !walk.guest_page) {
        fields.fail("gpa", "hpa, page_size and guest_page must be there, or a fault");
    }
    return walk;
}

record::Paging read_paging(Fields const& fields) {
    auto const flag = [&](char const* key) { return !fields.has(key) || fields.boolean(key); };
    record::Paging paging{
        .guest = fields.number("guest"),
        .mode = read_mode(fields),
        .root = 0,
        .pdptes = {},
        .execute_disable = flag("execute_disable"),
        .physical_bits =
            static_cast<unsigned>(fields.optional_number("physical_bits").value_or(52)),
        .page_size_extension = flag("page_size_extension"),
        .ept_root = fields.hex("ept_root"),
        .ept_levels = static_cast<unsigned>(fields.number("ept_levels")),
    };
    if (paging.physical_bits < 32 || paging.physical_bits > 52)
        fields.fail("physical_bits", "must be 32 to 52");
    if (paging.ept_levels != 4 && paging.ept_levels != 5)
        fields.fail("ept_levels", "must be 4 or 5");
    if (paging.mode != PagingMode::pae) {
        paging.root = fields.hex("root");
        return paging;
    }
    auto const registers = fields.hex_array("pdptes");
    if (registers.size() != paging.pdptes.size()) fields.fail("pdptes", "must be four");
    std::ranges::copy(registers, paging.pdptes.begin());
    return paging;
}

record::TablePage read_table_page(Fields const& fields) {
    record::TablePage page{.guest = fields.number("guest"),
                           .dimension = read_dimension(fields),
                           .level = read_level(fields),
                           .address = fields.hex("address"),
                           .words = {}};
    if (page.address % 4096 != 0) fields.fail("address", "must be a multiple of 0x1000");
    for (auto const& run : fields.runs("words"))
        read_run(run, fields, page);
    return page;
}

record::TablesEnd read_tables_end(Fields const& fields) {
    return {fields.number("guest"), fields.boolean("cut")};
}

} // namespace twofold::vmm
