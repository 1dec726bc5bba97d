# frozen_string_literal: true

require "rails/generators"

module Workflow
  module Generators
    # bin/rails generate workflow:views signup: the partials that `workflow_for` has for each state, copied to where it looks
    # for the application's own. What is there already stays as it is; --force has it replaced.
    class ViewsGenerator < ::Rails::Generators::NamedBase
      desc "Copies the partials that workflow_for has for each state to where it looks for the application's own. What is there stays as it is."
      source_root File.expand_path("../../../workflow/views/workflow", __dir__)

      def copy_partials
        Workflow::Run::STATES.each do |state|
          file = "_#{state}.html.erb"
          copy_file file, File.join("app/views", class_path, plural_file_name, "workflow", file), skip: !options[:force]
        end
      end
    end
  end
end
