# frozen_string_literal: true

require_relative "application"
Bench::Live.prepare
