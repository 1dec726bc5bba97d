# frozen_string_literal: true

RSpec.describe Workflow::Messages do
  let(:messages) { described_class.for(Object.new, code: [ "is missing" ], order_id: [ "is odd", "is late" ], base: [ "No." ]) }

  it "has what is wrong by field" do
    expect(messages[:code]).to eq [ "is missing" ]
    expect(messages["order_id"]).to eq [ "is odd", "is late" ]
    expect(messages[:base]).to eq [ "No." ]
    expect(messages[:other]).to eq []
    expect(messages).to include(:code)
    expect(messages).not_to include(:other)
  end

  it "puts the field in front, as Active Model does" do
    expect(messages.full_messages).to eq [ "Code is missing", "Order is odd", "Order is late", "No." ]
    expect(messages.each.to_a).to eq messages.full_messages
    expect(messages.size).to eq 4
    expect(messages.to_hash).to eq(code: [ "is missing" ], order_id: [ "is odd", "is late" ], base: [ "No." ])
    expect(messages.attribute_names).to eq %i[code order_id base]
    expect(messages).to be_any
  end

  it "puts a message alone under :base" do
    expect(described_class.for(Object.new, "No.")).to have_attributes(full_messages: [ "No." ], to_hash: { base: [ "No." ] })
  end

  it "is empty of nothing" do
    expect(described_class.for(Object.new)).to have_attributes(empty?: true, any?: false, size: 0, full_messages: [], to_hash: {})
    expect(described_class.for(Object.new)[:base]).to eq []
  end
end
